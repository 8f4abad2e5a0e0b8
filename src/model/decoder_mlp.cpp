// The feed-forward block of a decoder layer: x' = y + norm(m), m = W_down act(W_gate h, W_up h) or the experts'
// mixture, h = norm(y), where each norm may be absent and W_gate, W_up may be one fused layer.
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>

#include "model/activation.h"
#include "model/decoder.h"

namespace holdfast::model {

at::Tensor Decoder::forward_mlp(std::int64_t index, const at::Tensor& y, const AdapterRows& adapters,
                                LayerActivations* keep) {
  const DecoderLayer& layer = layers_[index];
  const at::Tensor h = norm(y, layer.mlp_norm);  // [t, d]
  at::Tensor m;                                  // [t, d]
  if (layer.moe.experts.empty()) {
    at::Tensor gate, up;  // [t, f]
    if (layer[Projection::kGateUp].is_empty()) {
      gate = linear(index, Projection::kGate, h, adapters);
      up = linear(index, Projection::kUp, h, adapters);
    } else {
      const at::Tensor both = linear(index, Projection::kGateUp, h, adapters);
      gate = both.narrow(1, 0, config_.intermediate_size).contiguous();
      up = both.narrow(1, config_.intermediate_size, config_.intermediate_size).contiguous();
    }
    m = linear(index, Projection::kDown, gated(config_, gate, up), adapters);
    if (keep != nullptr) keep->gate = std::move(gate), keep->up = std::move(up);
  } else {
    m = moe_forward(config_, layer.moe, index, h, adapters, keep == nullptr ? nullptr : &keep->moe);
  }
  if (!layer.mlp_post_norm.defined()) return m.add_(y);
  at::Tensor out = norm(m, layer.mlp_post_norm).add_(y);
  if (keep != nullptr) keep->mlp_out = std::move(m);
  return out;
}

void Decoder::backward_mlp(std::int64_t index, const at::Tensor& dout, const AdapterRows& adapters,
                           const LayerActivations& kept, at::Tensor& dy) {
  const DecoderLayer& layer = layers_[index];
  at::Tensor dm = dout;
  if (layer.mlp_post_norm.defined()) {
    dm = at::zeros_like(dout);
    norm_backward(dout, kept.mlp_out, layer.mlp_post_norm, dm);
  }
  const at::Tensor h = norm(kept.y, layer.mlp_norm);
  at::Tensor dh;
  if (layer.moe.experts.empty()) {
    const at::Tensor a = gated(config_, kept.gate, kept.up);
    const SwigluGradient inner =
        gated_backward(config_, linear_backward(index, Projection::kDown, dm, a, adapters), kept.gate, kept.up);
    if (layer[Projection::kGateUp].is_empty()) {
      dh = linear_backward(index, Projection::kGate, inner.gate, h, adapters);
      dh.add_(linear_backward(index, Projection::kUp, inner.up, h, adapters));
    } else {
      dh = linear_backward(index, Projection::kGateUp, at::cat({inner.gate, inner.up}, 1), h, adapters);
    }
  } else {
    dh = moe_backward(config_, layer.moe, index, dm, h, kept.moe, adapters);
  }
  norm_backward(dh, kept.y, layer.mlp_norm, dy);
}

}  // namespace holdfast::model
