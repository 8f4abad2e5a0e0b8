#include "model/attention.h"

#include <ATen/Parallel.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.h"
#include "model/attention_block.h"

namespace holdfast::model {
namespace {

// Rows begin .. end of a packed [t, heads * k] as [1, heads, s, k], without a copy.
at::Tensor heads_of(const at::Tensor& packed, std::int64_t begin, std::int64_t end, std::int64_t head_dim) {
  const std::int64_t heads = packed.size(1) / head_dim;
  return packed.narrow(0, begin, end - begin).view({1, end - begin, heads, head_dim}).transpose(1, 2);
}

// What ATen's kernel computes: no cap, no sinks, and no window that a sequence of `length` tokens outgrows.
bool is_plain(const AttentionShape& shape, std::int64_t length) {
  return shape.soft_cap == 0 && !shape.sinks.defined() && (shape.window == 0 || length <= shape.window);
}

}  // namespace

AttentionResult attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const TokenBatch& batch,
                          const AttentionShape& shape) {
  AttentionResult result{at::empty_like(q), {}};
  for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
    const std::int64_t begin = batch.starts[i], end = batch.starts[i + 1];
    HOLDFAST_ASSERT(begin < end);
    if (is_plain(shape, end - begin)) {
      auto [out, log_sum_exp] = at::_scaled_dot_product_flash_attention_for_cpu(
          heads_of(q, begin, end, shape.head_dim), heads_of(k, begin, end, shape.head_dim),
          heads_of(v, begin, end, shape.head_dim), 0.0, /*is_causal=*/true, {}, attention_scale(shape));
      heads_of(result.out, begin, end, shape.head_dim).copy_(out);
      result.log_sum_exp.push_back(std::move(log_sum_exp));
    } else {
      result.log_sum_exp.push_back(at::empty({1, shape.num_heads, end - begin}, q.options()));
    }
  }
  const std::int64_t groups = shape.num_kv_heads;
  at::parallel_for(0, batch.num_sequences() * groups, 1, [&](std::int64_t task_begin, std::int64_t task_end) {
    for (std::int64_t task = task_begin; task < task_end; ++task) {
      const std::int64_t i = task / groups, begin = batch.starts[i], count = batch.starts[i + 1] - begin;
      if (is_plain(shape, count)) continue;
      at::Tensor out = result.out.narrow(0, begin, count), log_sum_exp = result.log_sum_exp[i].squeeze(0);
      attend_block(q.narrow(0, begin, count), k.narrow(0, begin, count), v.narrow(0, begin, count), shape,
                   task % groups, out, &log_sum_exp);
    }
  });
  return result;
}

AttentionGradient attention_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                                     const at::Tensor& v, const AttentionResult& forward, const TokenBatch& batch,
                                     const AttentionShape& shape) {
  AttentionGradient gradient{at::empty_like(q), at::zeros_like(k), at::zeros_like(v)};
  for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
    const std::int64_t begin = batch.starts[i], end = batch.starts[i + 1], width = shape.head_dim;
    if (!is_plain(shape, end - begin)) continue;
    const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        heads_of(dout, begin, end, width), heads_of(q, begin, end, width), heads_of(k, begin, end, width),
        heads_of(v, begin, end, width), heads_of(forward.out, begin, end, width), forward.log_sum_exp[i], 0.0,
        /*is_causal=*/true, {}, attention_scale(shape));
    heads_of(gradient.q, begin, end, width).copy_(dq);
    heads_of(gradient.k, begin, end, width).copy_(dk);
    heads_of(gradient.v, begin, end, width).copy_(dv);
  }
  const std::int64_t groups = shape.num_kv_heads;
  at::parallel_for(0, batch.num_sequences() * groups, 1, [&](std::int64_t task_begin, std::int64_t task_end) {
    for (std::int64_t task = task_begin; task < task_end; ++task) {
      const std::int64_t i = task / groups, begin = batch.starts[i], count = batch.starts[i + 1] - begin;
      if (is_plain(shape, count)) continue;
      const auto own = [&](const at::Tensor& x) { return x.narrow(0, begin, count); };
      AttentionBlockGradient part{own(gradient.q), own(gradient.k), own(gradient.v)};
      attend_block_backward(own(dout), own(q), own(k), own(v), own(forward.out), forward.log_sum_exp[i].squeeze(0),
                            shape, task % groups, part);
    }
  });
  return gradient;
}

}  // namespace holdfast::model
