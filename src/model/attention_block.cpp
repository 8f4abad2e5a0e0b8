#include "model/attention_block.h"

#include <ATen/Dispatch.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>

#include <cmath>
#include <limits>

namespace holdfast::model {
namespace {

constexpr std::int64_t kQueryRows = 64;

// Queries begin .. end of a sequence and the keys first .. last that some of them may see.
struct Block {
  std::int64_t begin, end, first, last;
};

Block block_at(std::int64_t begin, std::int64_t s, std::int64_t m, std::int64_t window) {
  Block block{begin, std::min(begin + kQueryRows, s), 0, 0};
  block.last = block.end + m - s;
  if (window > 0) block.first = std::max<std::int64_t>(0, begin + m - s - window + 1);
  return block;
}

// Scores that may not be seen become -infinity.  `before` = m - s.
void mask(at::Tensor& scores, const Block& block, std::int64_t before, std::int64_t window) {
  AT_DISPATCH_FLOATING_TYPES(scores.scalar_type(), "mask", [&] {
    constexpr scalar_t kNever = -std::numeric_limits<scalar_t>::infinity();
    const std::int64_t width = block.last - block.first;
    scalar_t* row = scores.data_ptr<scalar_t>();
    for (std::int64_t i = block.begin; i < block.end; ++i, row += width) {
      const std::int64_t own = i + before - block.first;  // the query's own key
      std::fill(row + own + 1, row + width, kNever);
      if (window > 0) std::fill(row, row + std::max<std::int64_t>(0, own - window + 1), kNever);
    }
  });
}

// Scaled and capped, not yet masked: [rows, keys].
at::Tensor scores_of(const at::Tensor& q, const at::Tensor& keys, const AttentionShape& shape) {
  at::Tensor scores = at::mm(q, keys.t()).mul_(attention_scale(shape));
  if (shape.soft_cap > 0) scores.div_(shape.soft_cap).tanh_().mul_(shape.soft_cap);
  return scores;
}

}  // namespace

double attention_scale(const AttentionShape& shape) {
  return shape.scale > 0 ? shape.scale : 1.0 / std::sqrt(static_cast<double>(shape.head_dim));
}

void attend_block(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values, const AttentionShape& shape,
                  std::int64_t kv_head, at::Tensor& out, at::Tensor* log_sum_exp) {
  const std::int64_t s = q.size(0), m = keys.size(0), k = shape.head_dim, group = shape.num_heads / shape.num_kv_heads;
  const at::Tensor key = keys.narrow(1, kv_head * k, k), value = values.narrow(1, kv_head * k, k);  // [m, k]
  for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    const at::Tensor query = q.narrow(1, head * k, k);  // [s, k]
    const double sink = shape.sinks.defined() ? shape.sinks[head].item<double>() : 0;
    for (std::int64_t begin = 0; begin < s; begin += kQueryRows) {
      const Block block = block_at(begin, s, m, shape.window);
      const std::int64_t rows = block.end - block.begin, width = block.last - block.first;
      at::Tensor p = scores_of(query.narrow(0, begin, rows), key.narrow(0, block.first, width), shape);
      mask(p, block, m - s, shape.window);
      at::Tensor largest = p.amax(1, /*keepdim=*/true);  // [rows, 1]
      if (shape.sinks.defined()) largest.clamp_min_(sink);
      at::Tensor sum = p.sub_(largest).exp_().sum(1, /*keepdim=*/true);
      if (shape.sinks.defined()) sum.add_(at::exp(sink - largest));
      out.narrow(0, begin, rows).narrow(1, head * k, k).copy_(at::mm(p.div_(sum), value.narrow(0, block.first, width)));
      if (log_sum_exp != nullptr)
        log_sum_exp->select(0, head).narrow(0, begin, rows).copy_(sum.log_().add_(largest).squeeze(1));
    }
  }
}

void attend_block_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& keys,
                           const at::Tensor& values, const at::Tensor& out, const at::Tensor& log_sum_exp,
                           const AttentionShape& shape, std::int64_t kv_head, AttentionBlockGradient& gradient) {
  const std::int64_t s = q.size(0), k = shape.head_dim, group = shape.num_heads / shape.num_kv_heads;
  const at::Tensor key = keys.narrow(1, kv_head * k, k), value = values.narrow(1, kv_head * k, k);  // [s, k]
  at::Tensor dkey = gradient.dk.narrow(1, kv_head * k, k), dvalue = gradient.dv.narrow(1, kv_head * k, k);
  for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    for (std::int64_t begin = 0; begin < s; begin += kQueryRows) {
      const Block block = block_at(begin, s, s, shape.window);
      const std::int64_t rows = block.end - block.begin, width = block.last - block.first;
      const auto rows_of = [&](const at::Tensor& x) { return x.narrow(0, begin, rows).narrow(1, head * k, k); };
      const auto seen = [&](const at::Tensor& x) { return x.narrow(0, block.first, width); };
      const at::Tensor query = rows_of(q), dy = rows_of(dout);  // [rows, k]
      at::Tensor p = scores_of(query, seen(key), shape);        // [rows, width]
      at::Tensor slope;                                         // of the cap
      if (shape.soft_cap > 0) slope = (p / shape.soft_cap).square_().neg_().add_(1);
      mask(p, block, 0, shape.window);
      p.sub_(log_sum_exp.select(0, head).narrow(0, begin, rows).unsqueeze(1)).exp_();
      const at::Tensor own = (dy * rows_of(out)).sum(1, /*keepdim=*/true);  // D [rows, 1]
      at::Tensor dz = at::mm(dy, seen(value).t()).sub_(own).mul_(p);        // [rows, width]
      if (slope.defined()) dz.mul_(slope);
      dz.mul_(attention_scale(shape));
      rows_of(gradient.dq).copy_(at::mm(dz, seen(key)));
      seen(dkey).addmm_(dz.t(), query);
      seen(dvalue).addmm_(p.t(), dy);
    }
  }
}

}  // namespace holdfast::model
