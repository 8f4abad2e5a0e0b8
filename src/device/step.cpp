#include "device/step.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "base/error.h"
#include "device/kernels.h"
#include "model/memory_plan.h"

namespace holdfast::device {
namespace {

constexpr std::int64_t kLogitRows = 1024;

at::Tensor copy_of(const std::vector<std::int64_t>& numbers, at::Device device) {
  at::Tensor list = at::empty({static_cast<std::int64_t>(numbers.size())}, at::kLong);
  std::copy(numbers.begin(), numbers.end(), list.data_ptr<std::int64_t>());
  return list.to(device);
}

}  // namespace

std::int64_t spare_bytes(const model::Decoder& decoder, at::Device device, std::int64_t pack_tokens,
                         std::int64_t parameters) {
  constexpr std::int64_t kLibraries = 1'000'000'000, kNarrow = 2, kFloat = 4;
  const checkpoint::ModelConfig& config = decoder.config();
  std::int64_t quantized = 0;
  for (const model::CensusRow& row : model::parameter_census(config))
    quantized += row.is_quantized ? row.parameters : 0;
  const model::TokenWidths widths = model::token_widths(config);
  const std::int64_t buffers = 2 * kNarrow * quantized / config.num_layers;
  const std::int64_t activations = kNarrow * pack_tokens * (widths.kept + widths.backward);
  const std::int64_t adapter = parameters * (4 * kFloat + kNarrow);  // with gradient, two moments, and narrowed
  const std::int64_t logits = 2 * kNarrow * kLogitRows * config.vocab_size;
  return std::max<std::int64_t>(
      0, free_bytes(device) - decoder.weight_bytes() - buffers - activations - adapter - logits - kLibraries);
}

Step::Step(const model::Decoder& decoder, at::Device device, at::ScalarType compute, std::int64_t spare_bytes)
    : config_(decoder.config()),
      embedding_scale_(decoder.embedding_scale()),
      device_((select(device), device)),
      compute_(compute),
      base_(copy_base(decoder, device, compute)),
      dense_(base_.layers, device, compute, spare_bytes),
      experts_(config_, device) {}

model::AttentionShape Step::attention_shape(std::int64_t index) const {
  return {config_.num_heads, config_.num_kv_heads, config_.head_dim, config_.attention_scale,
          config_.layer(index).window};
}

Step::Pack Step::copy_pack(const model::TokenBatch& batch, const Targets& targets) const {
  for (const std::int64_t token : batch.tokens) {
    HOLDFAST_CHECK(kBadInput, token >= 0 && token < config_.vocab_size, "[device] found token id ", token,
                   ", expected 0 .. ", config_.vocab_size - 1, "; try the tokenizer of this model");
  }
  Pack pack{copy_of(batch.tokens, device_), boundaries_of(batch, device_),
            model::rope_tables(config_, batch, at::kFloat), copy_of(targets.rows, device_),
            copy_of(targets.tokens, device_)};
  if (device_.is_cuda()) check_pack(pack.boundaries, attention_shape(0));
  for (model::RopeTable& table : pack.ropes)
    table.cos = table.cos.contiguous().to(device_), table.sin = table.sin.contiguous().to(device_);
  return pack;
}

void Step::narrow_adapter(const model::Adapter& adapter) {
  HOLDFAST_ASSERT(adapter.flat().device() == device_ && adapter.flat().scalar_type() == at::kFloat);
  if (!adapter_ || adapter_->flat().numel() != adapter.flat().numel()) {
    adapter_.emplace(adapter.to(compute_));
  } else {
    adapter_->flat().copy_(adapter.flat(), /*non_blocking=*/true);
  }
}

at::Tensor Step::run(const model::TokenBatch& batch, const Targets& targets, double scale,
                     const model::Adapter& adapter, model::Adapter& gradient) {
  const Pack pack = copy_pack(batch, targets);
  narrow_adapter(adapter);
  const std::int64_t layers = config_.num_layers;
  at::Tensor x = base_.embedding.index_select(0, pack.tokens);  // [t, d]
  if (embedding_scale_ != 1) x.mul_(embedding_scale_);
  at::Tensor h = normed(x, base_.layers.front().attention_norm, config_.rms_norm_eps);
  std::vector<Kept> kept(static_cast<std::size_t>(layers));
  for (std::int64_t l = 0; l < layers; ++l) {
    Kept& own = kept[static_cast<std::size_t>(l)];
    const at::Tensor m = forward_layer(l, pack, h, x, own);
    x = m;  // becomes y + m
    const at::Tensor& norm =
        l + 1 < layers ? base_.layers[static_cast<std::size_t>(l + 1)].attention_norm : base_.final_norm;
    h = add_and_norm(x, own.y, norm, config_.rms_norm_eps);
  }
  at::Tensor dhidden;
  const at::Tensor sum = loss(pack, h, scale, dhidden);
  at::Tensor dx;
  norm_backward(dhidden, x, base_.final_norm, config_.rms_norm_eps, dx);
  for (std::int64_t l = layers - 1; l >= 0; --l) {
    backward_layer(l, pack, kept[static_cast<std::size_t>(l)], gradient, dx);
    kept[static_cast<std::size_t>(l)] = {};
  }
  return sum;
}

void Step::rotate_heads(std::int64_t index, const Pack& pack, at::Tensor& qkv, bool is_inverse) const {
  const int rope = config_.layer(index).rope;
  if (rope == checkpoint::kNoRope) return;
  rotate(qkv, pack.ropes[static_cast<std::size_t>(rope)], config_.num_heads + config_.num_kv_heads, config_.head_dim,
         is_inverse);
}

at::Tensor Step::forward_layer(std::int64_t index, const Pack& pack, const at::Tensor& h, const at::Tensor& x,
                               Kept& kept) {
  const FrozenLayer& layer = base_.layers[static_cast<std::size_t>(index)];
  const DenseLayer& dense = dense_.enter(index, std::min(index + 1, config_.num_layers - 1));
  kept.x = x;
  kept.qkv = product(index, Product::kQueryKeyValue, dense[Product::kQueryKeyValue], h);  // [t, (h + 2 g) k]
  rotate_heads(index, pack, kept.qkv, /*is_inverse=*/false);
  kept.attended = attend(kept.qkv, pack.boundaries, attention_shape(index));
  kept.y = product(index, Product::kOutput, dense[Product::kOutput], kept.attended.out);  // [t, d]
  const at::Tensor normed_y = add_and_norm(kept.y, x, layer.mlp_norm, config_.rms_norm_eps);
  if (layer.router.defined()) return experts_.forward(index, layer, dense, normed_y, *adapter_, kept.routed);
  kept.gate_up = product(index, Product::kGateUp, dense[Product::kGateUp], normed_y);  // [t, 2 f]
  return product(index, Product::kDown, dense[Product::kDown], gated(config_.activation, kept.gate_up));
}

void Step::backward_layer(std::int64_t index, const Pack& pack, const Kept& kept, model::Adapter& gradient,
                          at::Tensor& dx) {
  const FrozenLayer& layer = base_.layers[static_cast<std::size_t>(index)];
  const DenseLayer& dense = dense_.enter(index, std::max<std::int64_t>(index - 1, 0));
  const double eps = config_.rms_norm_eps;
  // The feed-forward block: x' = y + m, so that dm = dx, and y's gradient starts as dx.
  const at::Tensor normed_y = normed(kept.y, layer.mlp_norm, eps);
  at::Tensor dh;
  if (layer.router.defined()) {
    dh = experts_.backward(index, layer, dense, dx, normed_y, kept.routed, *adapter_, gradient);
  } else {
    at::Tensor a = input_gradient(index, Product::kDown, dense[Product::kDown], dx);
    const at::Tensor dgate_up = gated_backward(config_.activation, a, kept.gate_up);  // a is now the activation
    parameter_gradient(index, Product::kDown, dx, a, gradient);
    parameter_gradient(index, Product::kGateUp, dgate_up, normed_y, gradient);
    dh = input_gradient(index, Product::kGateUp, dense[Product::kGateUp], dgate_up);
  }
  norm_backward(dh, kept.y, layer.mlp_norm, eps, dx);  // dx is now y's
  // The attention block: y = x + o.
  parameter_gradient(index, Product::kOutput, dx, kept.attended.out, gradient);
  const at::Tensor dattended = input_gradient(index, Product::kOutput, dense[Product::kOutput], dx);
  at::Tensor dqkv = attend_backward(dattended, kept.qkv, kept.attended, pack.boundaries, attention_shape(index));
  rotate_heads(index, pack, dqkv, /*is_inverse=*/true);
  parameter_gradient(index, Product::kQueryKeyValue, dqkv, normed(kept.x, layer.attention_norm, eps), gradient);
  if (index == 0) {  // below stands the frozen embedding
    dx = at::Tensor();
    return;
  }
  dh = input_gradient(index, Product::kQueryKeyValue, dense[Product::kQueryKeyValue], dqkv);
  norm_backward(dh, kept.x, layer.attention_norm, eps, dx);
}

at::Tensor Step::loss(const Pack& pack, const at::Tensor& hidden, double scale, at::Tensor& dhidden) const {
  dhidden = at::zeros_like(hidden);
  at::Tensor sum = at::zeros({}, hidden.options().dtype(at::kDouble));
  const std::int64_t n = pack.target_rows.size(0);
  for (std::int64_t begin = 0; begin < n; begin += kLogitRows) {
    const std::int64_t count = std::min(kLogitRows, n - begin);
    const at::Tensor rows = pack.target_rows.narrow(0, begin, count);
    at::Tensor logits = at::mm(hidden.index_select(0, rows), base_.head.t());  // [count, v]
    sum.add_(cross_entropy(logits, pack.target_tokens.narrow(0, begin, count), scale).sum(at::kDouble));
    dhidden.index_copy_(0, rows, at::mm(logits, base_.head));
  }
  return sum;
}

at::Tensor Step::product(std::int64_t index, Product which, const at::Tensor& weight, const at::Tensor& x) const {
  const JoinedMatrix& joined = base_.layers[static_cast<std::size_t>(index)].products[which];
  at::Tensor y = at::mm(x, weight.t());  // [t, out]
  if (joined.bias.defined()) y.add_(joined.bias);
  for (const Part& part : joined.parts) {
    const model::LoraPair& lora = adapter_->pair(index, part.projection);
    if (lora.is_present()) y.narrow(1, part.row, part.rows).addmm_(at::mm(x, lora.a.t()), lora.b.t(), 1, lora.scale);
  }
  return y;
}

at::Tensor Step::input_gradient(std::int64_t index, Product which, const at::Tensor& weight,
                                const at::Tensor& dy) const {
  at::Tensor dx = at::mm(dy, weight);  // [t, in]
  for (const Part& part : base_.layers[static_cast<std::size_t>(index)].products[which].parts) {
    const model::LoraPair& lora = adapter_->pair(index, part.projection);
    if (lora.is_present()) dx.addmm_(at::mm(dy.narrow(1, part.row, part.rows), lora.b), lora.a, 1, lora.scale);
  }
  return dx;
}

void Step::parameter_gradient(std::int64_t index, Product which, const at::Tensor& dy, const at::Tensor& x,
                              model::Adapter& gradient) const {
  for (const Part& part : base_.layers[static_cast<std::size_t>(index)].products[which].parts) {
    const model::LoraPair& lora = adapter_->pair(index, part.projection);
    if (!lora.is_present()) continue;
    const model::LoraPair& to = gradient.pair(index, part.projection);
    const at::Tensor own = dy.narrow(1, part.row, part.rows), s = at::mm(x, lora.a.t()),  // [t, out], [t, r]
        ds = at::mm(own, lora.b);                                                         // [t, r]
    at::Tensor db = to.b, da = to.a;
    db.add_(at::mm(own.t(), s), lora.scale);
    da.add_(at::mm(ds.t(), x), lora.scale);
  }
}

}  // namespace holdfast::device
