#include "model/decoder.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.h"
#include "model/rms_norm.h"
#include "model/swiglu.h"

namespace holdfast::model {
namespace {

AttentionShape attention_shape(const checkpoint::ModelConfig& config) {
  return {config.num_heads, config.num_kv_heads, config.head_dim};
}

const LoraPair* pair_of(const Adapter* adapter, std::int64_t layer, Projection projection) {
  return adapter == nullptr ? nullptr : &adapter->pair(layer, projection);
}

}  // namespace

at::Tensor Decoder::forward_layer(std::int64_t index, at::Tensor x, const TokenBatch& batch, const RopeTable& rope,
                                  const Adapter* adapter, KvCache* cache, LayerActivations* keep) {
  const DecoderLayer& layer = layers_[index];
  const auto project = [&](const at::Tensor& input, Projection projection) {
    return lora_linear(input, layer[projection], pair_of(adapter, index, projection), workspace_);
  };
  const at::Tensor h = rms_norm(x, layer.attention_norm, config_.rms_norm_eps);  // [t, d]
  at::Tensor q = project(h, Projection::kQuery);                                 // [t, h * k]
  at::Tensor k = project(h, Projection::kKey);                                   // [t, g * k]
  at::Tensor v = project(h, Projection::kValue);                                 // [t, g * k]
  apply_rotary(q, rope, config_.head_dim);
  apply_rotary(k, rope, config_.head_dim);
  AttentionResult attended;
  if (cache != nullptr) {
    attended.out = cached_attention(q, k, v, batch, attention_shape(config_), *cache, index);
  } else {
    attended = attention(q, k, v, batch, attention_shape(config_));
  }
  at::Tensor y = project(attended.out, Projection::kOutput).add_(x);        // [t, d]
  const at::Tensor h2 = rms_norm(y, layer.mlp_norm, config_.rms_norm_eps);  // [t, d]
  at::Tensor gate = project(h2, Projection::kGate);                         // [t, f]
  at::Tensor up = project(h2, Projection::kUp);                             // [t, f]
  at::Tensor out = project(swiglu(gate, up), Projection::kDown).add_(y);    // [t, d]
  if (keep != nullptr) {
    *keep = {std::move(x), std::move(q),    std::move(k),  std::move(v),
             std::move(y), std::move(gate), std::move(up), std::move(attended)};
  }
  return out;
}

at::Tensor Decoder::forward(const TokenBatch& batch, const Adapter* adapter, KvCache* cache, Activations* keep) {
  HOLDFAST_ASSERT(cache == nullptr || keep == nullptr);
  const std::int64_t t = batch.size(), d = config_.hidden_size;
  for (const std::int64_t token : batch.tokens) {
    HOLDFAST_CHECK(kBadInput, token >= 0 && token < config_.vocab_size, "[forward] found token id ", token,
                   ", expected 0 .. ", config_.vocab_size - 1, "; try the tokenizer of this model");
  }
  at::Tensor x = at::empty({t, d}, compute_);
  embedding_.gather_rows(batch.tokens, x);
  const RopeTable rope = rope_table(inverse_frequencies_, batch.positions, compute_);
  if (keep != nullptr) keep->layers.resize(config_.num_layers);
  for (std::int64_t layer = 0; layer < config_.num_layers; ++layer) {
    x = forward_layer(layer, std::move(x), batch, rope, adapter, cache, keep ? &keep->layers[layer] : nullptr);
  }
  if (cache != nullptr) {
    for (std::int64_t i = 0; i < batch.num_sequences(); ++i) cache->advance(i, batch.starts[i + 1] - batch.starts[i]);
  }
  at::Tensor hidden = rms_norm(x, final_norm_, config_.rms_norm_eps);
  if (keep != nullptr) {
    keep->last = std::move(x);
    keep->rope = rope;
  }
  return hidden;
}

at::Tensor Decoder::logits(const at::Tensor& hidden) {
  return at::mm(hidden, head().dense_into(workspace_.weight, compute_).t());
}

at::Tensor Decoder::logits_backward(const at::Tensor& dlogits) {
  return at::mm(dlogits, head().dense_into(workspace_.weight, compute_));
}

at::Tensor Decoder::backward_layer(std::int64_t index, const at::Tensor& dout, const TokenBatch& batch,
                                   const RopeTable& rope, const Adapter& adapter, const LayerActivations& kept,
                                   Adapter& gradient) {
  const DecoderLayer& layer = layers_[index];
  const auto back = [&](const at::Tensor& dy, const at::Tensor& input, Projection projection, bool needs_dx = true) {
    return lora_linear_backward(dy, input, layer[projection], &adapter.pair(index, projection),
                                &gradient.pair(index, projection), needs_dx, workspace_);
  };
  // MLP: out = y + W_down a, a = silu(gate) * up, both from h2 = norm(y).
  at::Tensor dy = dout.clone();  // the residual's share
  {
    const at::Tensor a = swiglu(kept.gate, kept.up);
    const SwigluGradient inner = swiglu_backward(back(dout, a, Projection::kDown), kept.gate, kept.up);
    const at::Tensor h2 = rms_norm(kept.y, layer.mlp_norm, config_.rms_norm_eps);
    at::Tensor dh2 = back(inner.gate, h2, Projection::kGate);
    dh2.add_(back(inner.up, h2, Projection::kUp));
    rms_norm_backward(dh2, kept.y, layer.mlp_norm, config_.rms_norm_eps, dy);
  }
  // Attention: y = x + W_o o, o = attention(q, k, v), all three from h = norm(x).
  const at::Tensor dattended = back(dy, kept.attention.out, Projection::kOutput);
  AttentionGradient inner =
      attention_backward(dattended, kept.q, kept.k, kept.v, kept.attention, batch, attention_shape(config_));
  apply_rotary(inner.q, rope, config_.head_dim, /*inverse=*/true);
  apply_rotary(inner.k, rope, config_.head_dim, /*inverse=*/true);
  const at::Tensor h = rms_norm(kept.x, layer.attention_norm, config_.rms_norm_eps);
  const bool needs_dx = index > 0;  // below the first layer stands the frozen embedding
  at::Tensor dh = back(inner.q, h, Projection::kQuery, needs_dx);
  const at::Tensor dh_k = back(inner.k, h, Projection::kKey, needs_dx);
  const at::Tensor dh_v = back(inner.v, h, Projection::kValue, needs_dx);
  if (!needs_dx) return {};
  dh.add_(dh_k).add_(dh_v);
  rms_norm_backward(dh, kept.x, layer.attention_norm, config_.rms_norm_eps, dy);
  return dy;
}

void Decoder::backward(const at::Tensor& dhidden, const TokenBatch& batch, const Adapter& adapter, Activations& kept,
                       Adapter& gradient) {
  at::Tensor dx = at::zeros_like(dhidden);
  rms_norm_backward(dhidden, kept.last, final_norm_, config_.rms_norm_eps, dx);
  for (std::int64_t layer = config_.num_layers - 1; layer >= 0; --layer) {
    dx = backward_layer(layer, dx, batch, kept.rope, adapter, kept.layers[layer], gradient);
    kept.layers[layer] = {};
  }
}

double Decoder::linear_flops_per_token() const {
  double weights = 0;
  for (const DecoderLayer& layer : layers_) {
    for (const quant::Matrix& matrix : layer.projections)
      weights += static_cast<double>(matrix.out_features()) * matrix.in_features();
  }
  return 2 * weights;
}

double Decoder::head_flops_per_token() const {
  return 2.0 * static_cast<double>(config_.vocab_size) * config_.hidden_size;
}

}  // namespace holdfast::model
