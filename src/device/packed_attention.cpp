#include "device/packed_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace holdfast::device {
namespace {

double scale_of(const model::AttentionShape& shape) {
  return shape.scale > 0 ? shape.scale : 1 / std::sqrt(static_cast<double>(shape.head_dim));
}

// Query, key and value heads of joined rows: [t, h, k], [t, g, k], [t, g, k], without a copy.
struct Heads {
  at::Tensor q, k, v;
};
Heads heads_of(const at::Tensor& qkv, const model::AttentionShape& shape) {
  const at::Tensor heads = qkv.view({qkv.size(0), -1, shape.head_dim});
  const std::int64_t h = shape.num_heads, g = shape.num_kv_heads;
  return {heads.narrow(1, 0, h), heads.narrow(1, h, g), heads.narrow(1, h + g, g)};
}

// Rows begin .. end of [t, heads, k] as [1, heads, s, k].
at::Tensor sequence_of(const at::Tensor& heads, std::int64_t begin, std::int64_t end) {
  return heads.narrow(0, begin, end - begin).transpose(0, 1).unsqueeze(0);
}

// Tokens before a token that it sees; nothing: all.
std::optional<std::int64_t> reach_of(const Boundaries& boundaries, const model::AttentionShape& shape) {
  if (shape.window == 0 || boundaries.longest <= shape.window) return std::nullopt;
  return shape.window - 1;
}
std::optional<std::int64_t> none_ahead(const std::optional<std::int64_t>& reach) {
  return reach ? std::optional<std::int64_t>(0) : std::nullopt;
}

// For a sequence that is longer than the window: 0 where a token sees another, -infinity elsewhere.
std::optional<at::Tensor> mask_of(std::int64_t length, const model::AttentionShape& shape, at::ScalarType type) {
  if (shape.window == 0 || length <= shape.window) return std::nullopt;
  const at::Tensor place = at::arange(length, at::kLong), behind = place.unsqueeze(1) - place.unsqueeze(0);
  const at::Tensor is_hidden = behind.lt(0).logical_or_(behind.ge(shape.window));
  return at::zeros({1, 1, length, length}, type).masked_fill_(is_hidden, -INFINITY);
}

}  // namespace

Boundaries boundaries_of(const model::TokenBatch& batch, at::Device device) {
  Boundaries boundaries{batch.starts, at::empty({static_cast<std::int64_t>(batch.starts.size())}, at::kInt), 0};
  for (std::size_t i = 0; i < batch.starts.size(); ++i) {
    boundaries.on_device.data_ptr<std::int32_t>()[i] = static_cast<std::int32_t>(batch.starts[i]);
    if (i > 0) boundaries.longest = std::max(boundaries.longest, batch.starts[i] - batch.starts[i - 1]);
  }
  boundaries.on_device = boundaries.on_device.to(device);
  return boundaries;
}

void check_pack(const Boundaries& boundaries, const model::AttentionShape& shape) {
  constexpr std::int64_t kPadding = 128, kMost = (std::int64_t{1} << 31) - 1;  // the kernel pads each sequence
  const auto sequences = static_cast<std::int64_t>(boundaries.starts.size()) - 1;
  HOLDFAST_CHECK(kBadInput, shape.head_dim % 8 == 0 && shape.head_dim <= 256, "[device] found heads of ",
                 shape.head_dim, " numbers, expected a multiple of 8, at most 256; try --device cpu");
  const std::int64_t width = shape.num_heads * ((shape.head_dim + 31) / 32 * 32);
  HOLDFAST_CHECK(kBadInput, (boundaries.starts.back() + kPadding * sequences) * width <= kMost,
                 "[device] found a pack of ", boundaries.starts.back(), " tokens in ", sequences,
                 " sequences, expected (tokens + 128 sequences) * ", width, " below 2^31; try fewer tokens a pack");
}

Attended attend(const at::Tensor& qkv, const Boundaries& boundaries, const model::AttentionShape& shape) {
  const auto [q, k, v] = heads_of(qkv, shape);
  const auto reach = reach_of(boundaries, shape);
  if (qkv.is_cuda()) {
    auto [out, log_sum_exp, random_state, unused, mask] = at::_flash_attention_forward(
        q, k, v, boundaries.on_device, boundaries.on_device, boundaries.longest, boundaries.longest, /*dropout_p=*/0.0,
        /*is_causal=*/true, /*return_debug_mask=*/false, scale_of(shape), reach, none_ahead(reach));
    return {out.view({qkv.size(0), -1}), {log_sum_exp, random_state, unused}};
  }
  Attended attended{at::empty({qkv.size(0), shape.num_heads * shape.head_dim}, qkv.options()), {}};
  const at::Tensor out_heads = attended.out.view({qkv.size(0), shape.num_heads, shape.head_dim});
  for (std::size_t i = 0; i + 1 < boundaries.starts.size(); ++i) {
    const std::int64_t begin = boundaries.starts[i], end = boundaries.starts[i + 1];
    const auto mask = mask_of(end - begin, shape, qkv.scalar_type());
    auto [out, log_sum_exp] = at::_scaled_dot_product_flash_attention_for_cpu(
        sequence_of(q, begin, end), sequence_of(k, begin, end), sequence_of(v, begin, end), 0.0, /*is_causal=*/!mask,
        mask, scale_of(shape));
    sequence_of(out_heads, begin, end).copy_(out);
    attended.rest.push_back(log_sum_exp);
  }
  return attended;
}

at::Tensor attend_backward(const at::Tensor& dout, const at::Tensor& qkv, const Attended& forward,
                           const Boundaries& boundaries, const model::AttentionShape& shape) {
  const auto [q, k, v] = heads_of(qkv, shape);
  at::Tensor gradient = at::empty_like(qkv);
  const auto [gradient_q, gradient_k, gradient_v] = heads_of(gradient, shape);
  const std::int64_t t = qkv.size(0);
  const at::Tensor dheads = dout.view({t, shape.num_heads, shape.head_dim}),
                   out_heads = forward.out.view({t, shape.num_heads, shape.head_dim});
  if (qkv.is_cuda()) {
    const auto reach = reach_of(boundaries, shape);
    const auto [dq, dk, dv] = at::_flash_attention_backward(
        dheads, q, k, v, out_heads, forward.rest[0], boundaries.on_device, boundaries.on_device, boundaries.longest,
        boundaries.longest, 0.0, /*is_causal=*/true, forward.rest[1], forward.rest[2], scale_of(shape), reach,
        none_ahead(reach));
    gradient_q.copy_(dq);
    gradient_k.copy_(dk);
    gradient_v.copy_(dv);
    return gradient;
  }
  for (std::size_t i = 0; i + 1 < boundaries.starts.size(); ++i) {
    const std::int64_t begin = boundaries.starts[i], end = boundaries.starts[i + 1];
    const auto mask = mask_of(end - begin, shape, qkv.scalar_type());
    const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        sequence_of(dheads, begin, end), sequence_of(q, begin, end), sequence_of(k, begin, end),
        sequence_of(v, begin, end), sequence_of(out_heads, begin, end), forward.rest[i], 0.0, /*is_causal=*/!mask, mask,
        scale_of(shape));
    sequence_of(gradient_q, begin, end).copy_(dq);
    sequence_of(gradient_k, begin, end).copy_(dk);
    sequence_of(gradient_v, begin, end).copy_(dv);
  }
  return gradient;
}

}  // namespace holdfast::device
