// The attention block of a decoder layer: y = x + norm(W_o attention(rotary(norm(W_q h)), rotary(norm(W_k h)), W_v h)),
// h = norm(x), where each norm may be absent and W_q, W_k, W_v may be one fused layer.
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>

#include "model/decoder.h"

namespace holdfast::model {
namespace {

// Query and key norms go over rows as wide as their weight: a head, or all heads.
at::Tensor rows_of(const at::Tensor& x, const at::Tensor& weight) { return x.view({-1, weight.size(0)}); }

}  // namespace

AttentionShape Decoder::attention_shape(std::int64_t index) const {
  return {config_.num_heads,           config_.num_kv_heads,       config_.head_dim,    config_.attention_scale,
          config_.layer(index).window, config_.attention_soft_cap, layers_[index].sinks};
}

at::Tensor Decoder::forward_attention(std::int64_t index, const at::Tensor& x, const TokenBatch& batch,
                                      const std::vector<RopeTable>& ropes, const AdapterRows& adapters, KvCache* cache,
                                      LayerActivations* keep) {
  const DecoderLayer& layer = layers_[index];
  const at::Tensor h = norm(x, layer.attention_norm);  // [t, d]
  at::Tensor q, k, v;                                  // [t, h * k], [t, g * k], [t, g * k]
  if (layer[Projection::kQueryKeyValue].is_empty()) {
    q = linear(index, Projection::kQuery, h, adapters);
    k = linear(index, Projection::kKey, h, adapters);
    v = linear(index, Projection::kValue, h, adapters);
  } else {
    const at::Tensor qkv = linear(index, Projection::kQueryKeyValue, h, adapters);
    const std::int64_t wide = config_.num_heads * config_.head_dim, narrow = config_.num_kv_heads * config_.head_dim;
    q = qkv.narrow(1, 0, wide).contiguous();
    k = qkv.narrow(1, wide, narrow).contiguous();
    v = qkv.narrow(1, wide + narrow, narrow).contiguous();
  }
  if (layer.query_norm.defined()) {
    if (keep != nullptr) keep->query_before_norm = q, keep->key_before_norm = k;
    q = norm(rows_of(q, layer.query_norm), layer.query_norm).view(q.sizes());
    k = norm(rows_of(k, layer.key_norm), layer.key_norm).view(k.sizes());
  }
  if (const int rope = config_.layer(index).rope; rope != checkpoint::kNoRope) {
    apply_rotary(q, ropes[rope], config_.head_dim);
    apply_rotary(k, ropes[rope], config_.head_dim);
  }
  AttentionResult attended;
  if (cache != nullptr) {
    attended.out = cached_attention(q, k, v, batch, attention_shape(index), *cache, index);
  } else {
    attended = attention(q, k, v, batch, attention_shape(index));
  }
  at::Tensor out = linear(index, Projection::kOutput, attended.out, adapters);  // [t, d]
  at::Tensor y;
  if (layer.attention_post_norm.defined()) {
    y = norm(out, layer.attention_post_norm).add_(x);
  } else {
    y = out.add_(x);
  }
  if (keep != nullptr) {
    keep->q = std::move(q);
    keep->k = std::move(k);
    keep->v = std::move(v);
    keep->attention = std::move(attended);
    if (layer.attention_post_norm.defined()) keep->attention_out = std::move(out);
  }
  return y;
}

void Decoder::backward_attention(std::int64_t index, const at::Tensor& dout, const TokenBatch& batch,
                                 const std::vector<RopeTable>& ropes, const AdapterRows& adapters,
                                 const LayerActivations& kept, at::Tensor* dx) {
  const DecoderLayer& layer = layers_[index];
  at::Tensor dblock = dout;  // of W_o's output
  if (layer.attention_post_norm.defined()) {
    dblock = at::zeros_like(dout);
    norm_backward(dout, kept.attention_out, layer.attention_post_norm, dblock);
  }
  const at::Tensor dattended = linear_backward(index, Projection::kOutput, dblock, kept.attention.out, adapters);
  AttentionGradient inner =
      attention_backward(dattended, kept.q, kept.k, kept.v, kept.attention, batch, attention_shape(index));
  if (const int rope = config_.layer(index).rope; rope != checkpoint::kNoRope) {
    apply_rotary(inner.q, ropes[rope], config_.head_dim, /*inverse=*/true);
    apply_rotary(inner.k, ropes[rope], config_.head_dim, /*inverse=*/true);
  }
  if (layer.query_norm.defined()) {
    const auto through = [&](at::Tensor& gradient_after, const at::Tensor& before, const at::Tensor& weight) {
      at::Tensor result = at::zeros_like(before), rows = rows_of(result, weight);
      norm_backward(rows_of(gradient_after, weight), rows_of(before, weight), weight, rows);
      gradient_after = result;
    };
    through(inner.q, kept.query_before_norm, layer.query_norm);
    through(inner.k, kept.key_before_norm, layer.key_norm);
  }
  const at::Tensor h = norm(kept.x, layer.attention_norm);
  const bool needs_dx = dx != nullptr;
  at::Tensor dh;
  if (layer[Projection::kQueryKeyValue].is_empty()) {
    dh = linear_backward(index, Projection::kQuery, inner.q, h, adapters, needs_dx);
    const at::Tensor dh_k = linear_backward(index, Projection::kKey, inner.k, h, adapters, needs_dx);
    const at::Tensor dh_v = linear_backward(index, Projection::kValue, inner.v, h, adapters, needs_dx);
    if (needs_dx) dh.add_(dh_k).add_(dh_v);
  } else {
    dh = linear_backward(index, Projection::kQueryKeyValue, at::cat({inner.q, inner.k, inner.v}, 1), h, adapters,
                         needs_dx);
  }
  if (needs_dx) norm_backward(dh, kept.x, layer.attention_norm, *dx);
}

}  // namespace holdfast::model
