#include "model/decoder.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "base/error.h"
#include "base/profile.h"
#include "base/simd.h"
#include "model/elementary.h"
#include "model/rms_norm.h"

namespace holdfast::model {
namespace {

HOLDFAST_CLONES void cap_span(float* z, std::int64_t n, float cap) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) z[i] = cap * tanh_of(z[i] / cap);
}

void cap_logits(at::Tensor& logits, double cap) {
  if (logits.scalar_type() != at::kFloat) {
    logits.div_(cap).tanh_().mul_(cap);
    return;
  }
  float* z = logits.data_ptr<float>();
  at::parallel_for(0, logits.numel(), 16384, [&](std::int64_t begin, std::int64_t end) {
    cap_span(z + begin, end - begin, static_cast<float>(cap));
  });
}

}  // namespace

at::Tensor Decoder::linear(std::int64_t index, Projection projection, const at::Tensor& x,
                           const AdapterRows& adapters) {
  const DecoderLayer& layer = layers_[index];
  at::Tensor y = lora_linear(x, layer[projection], lora_rows(adapters, index, projection));
  if (layer.biases[projection].defined()) y.add_(layer.biases[projection]);
  return y;
}

at::Tensor Decoder::linear_backward(std::int64_t index, Projection projection, const at::Tensor& dy,
                                    const at::Tensor& x, const AdapterRows& adapters, bool needs_dx) {
  return lora_linear_backward(dy, x, layers_[index][projection], lora_rows(adapters, index, projection), needs_dx);
}

at::Tensor Decoder::norm(const at::Tensor& x, const at::Tensor& weight) const {
  const profile::Phase phase("norm");
  return weight.defined() ? rms_norm(x, weight, config_.rms_norm_eps) : x;
}

void Decoder::norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, at::Tensor& dx) const {
  const profile::Phase phase("norm backward");
  if (weight.defined()) {
    rms_norm_backward(dy, x, weight, config_.rms_norm_eps, dx);
  } else {
    dx.add_(dy);
  }
}

at::Tensor Decoder::forward_layer(std::int64_t index, at::Tensor x, const TokenBatch& batch,
                                  const std::vector<RopeTable>& ropes, const AdapterRows& adapters, KvCache* cache,
                                  LayerActivations* keep) {
  at::Tensor y = forward_attention(index, x, batch, ropes, adapters, cache, keep);
  if (keep != nullptr) keep->x = std::move(x);
  at::Tensor out = forward_mlp(index, y, adapters, keep);
  if (keep != nullptr) keep->y = std::move(y);
  return out;
}

at::Tensor Decoder::backward_layer(std::int64_t index, const at::Tensor& dout, const TokenBatch& batch,
                                   const std::vector<RopeTable>& ropes, const AdapterRows& adapters,
                                   const LayerActivations& kept) {
  at::Tensor dy = dout.clone();  // the residual's share
  backward_mlp(index, dout, adapters, kept, dy);
  if (index == 0) {  // below the first layer stands the frozen embedding
    backward_attention(index, dy, batch, ropes, adapters, kept, nullptr);
    return {};
  }
  backward_attention(index, dy, batch, ropes, adapters, kept, &dy);
  return dy;
}

void Decoder::give_up(Activations& kept, std::int64_t index) {
  if (kept.keeping.empty()) return;
  LayerActivations& layer = kept.layers[index];
  switch (kept.keeping[index]) {
    case Keeping::kKeep:
      return;
    case Keeping::kRecompute: {
      LayerActivations input;
      input.x = std::move(layer.x);
      input.moe.routing = std::move(layer.moe.routing);  // the auxiliary loss looks at it
      layer = std::move(input);
      return;
    }
    case Keeping::kOffload:
      break;
  }
  HOLDFAST_ASSERT(kept.file != nullptr);
  const std::vector<at::Tensor*> slots = layer.slots();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i]->defined()) continue;
    layer.offloaded.emplace_back(i, kept.file->put(*slots[i]));
    *slots[i] = at::Tensor();
  }
}

void Decoder::bring_back(Activations& kept, std::int64_t index, const TokenBatch& batch, const AdapterRows& adapters) {
  if (kept.keeping.empty() || kept.keeping[index] == Keeping::kKeep) return;
  LayerActivations& layer = kept.layers[index];
  if (kept.keeping[index] == Keeping::kRecompute) {
    const at::Tensor wanted = layer.moe.dprobabilities;
    forward_layer(index, at::Tensor(layer.x), batch, kept.ropes, adapters, nullptr, &layer);
    layer.moe.dprobabilities = wanted;
    return;
  }
  const std::vector<at::Tensor*> slots = layer.slots();
  for (const auto& [slot, stored] : layer.offloaded) *slots[slot] = kept.file->get(stored);
}

at::Tensor Decoder::forward(const TokenBatch& batch, const AdapterSet& adapters, KvCache* cache, Activations* keep) {
  HOLDFAST_ASSERT(cache == nullptr || keep == nullptr);
  const std::int64_t t = batch.size(), d = config_.hidden_size;
  for (const std::int64_t token : batch.tokens) {
    HOLDFAST_CHECK(kBadInput, token >= 0 && token < config_.vocab_size, "[forward] found token id ", token,
                   ", expected 0 .. ", config_.vocab_size - 1, "; try the tokenizer of this model");
  }
  at::Tensor x = at::empty({t, d}, compute_);
  {
    const profile::Phase phase("embedding");
    embedding_.gather_rows(batch.tokens, x);
  }
  if (embedding_scale_ != 1) x.mul_(embedding_scale_);
  std::vector<RopeTable> ropes = rope_tables(config_, batch, compute_);
  const AdapterRows rows = adapter_rows(batch, adapters);
  if (keep != nullptr) keep->layers.resize(config_.num_layers);
  for (std::int64_t layer = 0; layer < config_.num_layers; ++layer) {
    if (stream_) stream_->enter(layer, keep == nullptr ? LayerStream::Travel::kUp : LayerStream::Travel::kUpAndBack);
    x = forward_layer(layer, std::move(x), batch, ropes, rows, cache, keep ? &keep->layers[layer] : nullptr);
    if (keep != nullptr) give_up(*keep, layer);
  }
  if (cache != nullptr) {
    for (std::int64_t i = 0; i < batch.num_sequences(); ++i) cache->advance(i, batch.starts[i + 1] - batch.starts[i]);
  }
  at::Tensor hidden = rms_norm(x, final_norm_, config_.rms_norm_eps);
  if (keep != nullptr) {
    keep->last = std::move(x);
    keep->ropes = std::move(ropes);
  }
  return hidden;
}

at::Tensor Decoder::logits(const at::Tensor& hidden) {
  const profile::Phase phase("head", static_cast<double>(hidden.size(0)) * head_flops_per_token(),
                             static_cast<double>(head().bytes()));
  at::Tensor logits = head().multiply(hidden);
  const double cap = config_.logit_soft_cap;
  if (cap > 0) cap_logits(logits, cap);
  return logits;
}

at::Tensor Decoder::logits_backward(const at::Tensor& dlogits, const at::Tensor& logits) {
  const profile::Phase phase("head backward", static_cast<double>(dlogits.size(0)) * head_flops_per_token(),
                             static_cast<double>(head().bytes()));
  const double cap = config_.logit_soft_cap;
  if (cap == 0) return head().multiply_back(dlogits);
  return head().multiply_back((logits / cap).square_().neg_().add_(1).mul_(dlogits));
}

void Decoder::backward(const at::Tensor& dhidden, const TokenBatch& batch, const Adapter& adapter, Activations& kept,
                       Adapter& gradient) {
  Adapter* const gradients[] = {&gradient};
  backward(dhidden, batch, AdapterSet(&adapter), kept, gradients);
}

void Decoder::backward(const at::Tensor& dhidden, const TokenBatch& batch, const AdapterSet& adapters,
                       Activations& kept, std::span<Adapter* const> gradients) {
  const AdapterRows rows = adapter_rows(batch, adapters, gradients);
  at::Tensor dx = at::zeros_like(dhidden);
  rms_norm_backward(dhidden, kept.last, final_norm_, config_.rms_norm_eps, dx);
  for (std::int64_t layer = config_.num_layers - 1; layer >= 0; --layer) {
    if (stream_) stream_->enter(layer, LayerStream::Travel::kDown);
    bring_back(kept, layer, batch, rows);
    dx = backward_layer(layer, dx, batch, kept.ropes, rows, kept.layers[layer]);
    kept.layers[layer] = {};
  }
}

double Decoder::linear_flops_per_token() const {
  const auto weights_of = [](const quant::Matrix& matrix) {
    return static_cast<double>(matrix.out_features()) * static_cast<double>(matrix.in_features());
  };
  double weights = 0;
  for (const DecoderLayer& layer : layers_) {
    for (const quant::Matrix& matrix : layer.projections) weights += weights_of(matrix);
    if (layer.moe.experts.empty()) continue;
    weights += static_cast<double>(layer.moe.router.numel());
    for (const quant::Matrix& matrix : layer.moe.experts[0].projections)
      weights += weights_of(matrix) * static_cast<double>(config_.moe.top_k);
  }
  return 2 * weights;
}

double Decoder::head_flops_per_token() const {
  return 2.0 * static_cast<double>(config_.vocab_size) * config_.hidden_size;
}

}  // namespace holdfast::model
