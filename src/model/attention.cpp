#include "model/attention.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.h"
#include "base/profile.h"
#include "model/attention_block.h"
#include "model/attention_rows.h"
#include "model/attention_rows_backward.h"
#include "model/unequal_tasks.h"

namespace holdfast::model {
namespace {

constexpr std::int64_t kQueryBlock = 64;  // queries of a task: enough to make up for transposing the keys

void attend_floats(const at::Tensor& q, const std::vector<AttendedSequence>& sequences, const AttentionShape& shape,
                   at::Tensor& out) {
  struct Task {
    const AttendedSequence* sequence;
    std::int64_t kv_head, query;
  };
  std::vector<Task> tasks;
  std::int64_t work = 0;
  for (const AttendedSequence& sequence : sequences) {
    work += 2 * sequence.count * sequence.keys.size(0) * q.size(1);
    for (std::int64_t kv_head = 0; kv_head < shape.num_kv_heads; ++kv_head) {
      for (std::int64_t query = 0; query < sequence.count; query += kQueryBlock)
        tasks.push_back({&sequence, kv_head, query});
    }
  }
  const std::int64_t width = q.size(1);
  for_unequal_tasks(static_cast<std::int64_t>(tasks.size()), work, [&](std::int64_t i) {
    const auto& [sequence, kv_head, query] = tasks[static_cast<std::size_t>(i)];
    const KeyRows keys{sequence->keys.const_data_ptr<float>(), sequence->values.const_data_ptr<float>()};
    const std::int64_t row = (sequence->begin + query) * width;
    const QueryRows rows{q.const_data_ptr<float>() + row, out.data_ptr<float>() + row,
                         std::min(kQueryBlock, sequence->count - query),
                         sequence->keys.size(0) - sequence->count + query};
    const bool wants_sums = sequence->log_sum_exp.defined();
    attend_rows(rows, keys, shape, kv_head, wants_sums ? sequence->log_sum_exp.data_ptr<float>() + query : nullptr,
                sequence->count);
  });
}

// Of causal attention over whole sequences: two products of a query with half of the keys.
double causal_flops(const TokenBatch& batch, const AttentionShape& shape) {
  double pairs = 0;
  for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
    const auto s = static_cast<double>(batch.starts[i + 1] - batch.starts[i]);
    pairs += s * (s + 1) / 2;
  }
  return 4 * pairs * static_cast<double>(shape.num_heads * shape.head_dim);
}

// Each query head of each sequence is a task; those of a group then add up their shares of keys and values, in order.
void attention_backward_floats(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const AttentionResult& forward, const TokenBatch& batch, const AttentionShape& shape,
                               AttentionGradient& gradient) {
  const std::int64_t heads = shape.num_heads, width = shape.head_dim, group = heads / shape.num_kv_heads;
  const std::int64_t q_stride = heads * width, kv_stride = shape.num_kv_heads * width;
  at::Tensor dk = at::empty({batch.size() * heads * width}, q.options()), dv = at::empty_like(dk);
  at::parallel_for(0, batch.num_sequences() * heads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t i = task / heads, h = task % heads, row = batch.starts[i], count = batch.starts[i + 1] - row;
      const auto of_query = [&](const at::Tensor& x) -> HeadRows {
        return {x.const_data_ptr<float>() + row * q_stride + h * width, q_stride};
      };
      const auto of_key = [&](const at::Tensor& x) -> HeadRows {
        return {x.const_data_ptr<float>() + row * kv_stride + h / group * width, kv_stride};
      };
      const std::int64_t place = (row * heads + h * count) * width;  // [s, k] of each head, sequence after sequence
      attend_rows_backward({of_query(q), of_key(k), of_key(v), of_query(forward.out), of_query(dout),
                            forward.log_sum_exp[i].const_data_ptr<float>() + h * count, count,
                            gradient.q.data_ptr<float>() + row * q_stride + h * width, q_stride,
                            dk.data_ptr<float>() + place, dv.data_ptr<float>() + place},
                           shape);
    }
  });
  at::parallel_for(0, batch.num_sequences() * shape.num_kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const std::int64_t i = task / shape.num_kv_heads, g = task % shape.num_kv_heads, row = batch.starts[i],
                         count = batch.starts[i + 1] - row;
      for (std::int64_t h = g * group; h < (g + 1) * group; ++h) {
        const std::int64_t place = (row * heads + h * count) * width;
        for (std::int64_t s = 0; s < count; ++s) {
          const std::int64_t to = (row + s) * kv_stride + g * width, from = place + s * width;
          float *to_k = gradient.k.data_ptr<float>() + to, *to_v = gradient.v.data_ptr<float>() + to;
          const float *from_k = dk.const_data_ptr<float>() + from, *from_v = dv.const_data_ptr<float>() + from;
          for (std::int64_t c = 0; c < width; ++c) to_k[c] += from_k[c];
          for (std::int64_t c = 0; c < width; ++c) to_v[c] += from_v[c];
        }
      }
    }
  });
}

}  // namespace

void attend(const at::Tensor& q, const std::vector<AttendedSequence>& sequences, const AttentionShape& shape,
            at::Tensor& out) {
  if (q.scalar_type() == at::kFloat) return attend_floats(q, sequences, shape, out);
  const auto groups = shape.num_kv_heads;
  at::parallel_for(0, static_cast<std::int64_t>(sequences.size()) * groups, 1,
                   [&](std::int64_t task_begin, std::int64_t task_end) {
                     for (std::int64_t task = task_begin; task < task_end; ++task) {
                       const AttendedSequence& one = sequences[static_cast<std::size_t>(task / groups)];
                       at::Tensor rows = out.narrow(0, one.begin, one.count), log_sum_exp = one.log_sum_exp;
                       attend_block(q.narrow(0, one.begin, one.count), one.keys, one.values, shape, task % groups, rows,
                                    log_sum_exp.defined() ? &log_sum_exp : nullptr);
                     }
                   });
}

AttentionResult attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const TokenBatch& batch,
                          const AttentionShape& shape) {
  const profile::Phase phase("attention", causal_flops(batch, shape));
  AttentionResult result{at::empty_like(q), {}};
  std::vector<AttendedSequence> sequences;
  for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
    const std::int64_t begin = batch.starts[i], count = batch.starts[i + 1] - begin;
    HOLDFAST_ASSERT(count > 0);
    result.log_sum_exp.push_back(at::empty({1, shape.num_heads, count}, q.options()));
    sequences.push_back(
        {begin, count, k.narrow(0, begin, count), v.narrow(0, begin, count), result.log_sum_exp.back().squeeze(0)});
  }
  attend(q, sequences, shape, result.out);
  return result;
}

AttentionGradient attention_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                                     const at::Tensor& v, const AttentionResult& forward, const TokenBatch& batch,
                                     const AttentionShape& shape) {
  const profile::Phase phase("attention backward", 2.5 * causal_flops(batch, shape));
  AttentionGradient gradient{at::empty_like(q), at::zeros_like(k), at::zeros_like(v)};
  if (q.scalar_type() == at::kFloat) {
    attention_backward_floats(dout, q, k, v, forward, batch, shape, gradient);
    return gradient;
  }
  const std::int64_t groups = shape.num_kv_heads;
  at::parallel_for(0, batch.num_sequences() * groups, 1, [&](std::int64_t task_begin, std::int64_t task_end) {
    for (std::int64_t task = task_begin; task < task_end; ++task) {
      const std::int64_t i = task / groups, begin = batch.starts[i], count = batch.starts[i + 1] - begin;
      const auto own = [&](const at::Tensor& x) { return x.narrow(0, begin, count); };
      AttentionBlockGradient part{own(gradient.q), own(gradient.k), own(gradient.v)};
      attend_block_backward(own(dout), own(q), own(k), own(v), own(forward.out), forward.log_sum_exp[i].squeeze(0),
                            shape, task % groups, part);
    }
  });
  return gradient;
}

}  // namespace holdfast::model
