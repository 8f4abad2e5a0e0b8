#include "model/attention.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/_softmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/simd.h"

namespace holdfast::model {
namespace {

// Rows begin .. end of a packed [t, heads * k] as [1, heads, s, k], without a copy.
at::Tensor heads_of(const at::Tensor& packed, std::int64_t begin, std::int64_t end, std::int64_t head_dim) {
  const std::int64_t heads = packed.size(1) / head_dim;
  return packed.narrow(0, begin, end - begin).view({1, end - begin, heads, head_dim}).transpose(1, 2);
}

// The keys or values a sequence looks at: shared prefix, then its own slab.
struct Segments {
  at::Tensor first, second;  // [m1, g * k], [m2, g * k]; the first may have no rows
};

#define HOLDFAST_ATTEND_LOOPS(T)                                                                             \
  HOLDFAST_CLONES void scores_of(const T* q, const T* keys, std::int64_t rows, std::int64_t stride,          \
                                 std::int64_t width, T scale, T* scores) {                                   \
    for (std::int64_t j = 0; j < rows; ++j) {                                                                \
      const T* key = keys + j * stride;                                                                      \
      T dot = 0;                                                                                             \
      _Pragma("omp simd reduction(+ : dot)") for (std::int64_t i = 0; i < width; ++i) dot += q[i] * key[i];  \
      scores[j] = dot * scale;                                                                               \
    }                                                                                                        \
  }                                                                                                          \
  HOLDFAST_CLONES void add_values(const T* weights, const T* values, std::int64_t rows, std::int64_t stride, \
                                  std::int64_t width, T* out) {                                              \
    for (std::int64_t j = 0; j < rows; ++j) {                                                                \
      const T* value = values + j * stride;                                                                  \
      const T weight = weights[j];                                                                           \
      _Pragma("omp simd") for (std::int64_t i = 0; i < width; ++i) out[i] += weight * value[i];              \
    }                                                                                                        \
  }

HOLDFAST_ATTEND_LOOPS(float)
HOLDFAST_ATTEND_LOOPS(double)
#undef HOLDFAST_ATTEND_LOOPS

template <typename T>
void softmax(std::vector<T>& scores) {
  T largest = -std::numeric_limits<T>::infinity();
  for (const T score : scores) largest = std::max(largest, score);
  T sum = 0;
  for (T& score : scores) sum += (score = std::exp(score - largest));
  for (T& score : scores) score /= sum;
}

// One new token: query [h * k] against m1 + m2 keys, for the key/value heads begin .. end.
template <typename T>
void attend_one(const T* q, const Segments& keys, const Segments& values, const AttentionShape& shape,
                std::int64_t kv_head, T* out) {
  const std::int64_t k = shape.head_dim, stride = shape.num_kv_heads * k, group = shape.num_heads / shape.num_kv_heads;
  const std::int64_t m1 = keys.first.size(0), m2 = keys.second.size(0);
  std::vector<T> scores(m1 + m2);
  for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    const T scale = 1 / std::sqrt(static_cast<T>(k));
    scores_of(q + head * k, keys.first.const_data_ptr<T>() + kv_head * k, m1, stride, k, scale, scores.data());
    scores_of(q + head * k, keys.second.const_data_ptr<T>() + kv_head * k, m2, stride, k, scale, scores.data() + m1);
    softmax(scores);
    std::fill(out + head * k, out + (head + 1) * k, T{0});
    add_values(scores.data(), values.first.const_data_ptr<T>() + kv_head * k, m1, stride, k, out + head * k);
    add_values(scores.data() + m1, values.second.const_data_ptr<T>() + kv_head * k, m2, stride, k, out + head * k);
    scores.resize(m1 + m2);
  }
}

// Several new tokens: q [s, h * k] against all m = past + s keys, the last s of which are the tokens' own.
void attend_many(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values, const AttentionShape& shape,
                 std::int64_t kv_head, at::Tensor& out) {
  const std::int64_t s = q.size(0), m = keys.size(0), k = shape.head_dim, group = shape.num_heads / shape.num_kv_heads;
  const at::Tensor key = keys.narrow(1, kv_head * k, k), value = values.narrow(1, kv_head * k, k);  // [m, k]
  for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    at::Tensor scores = at::mm(q.narrow(1, head * k, k), key.t());  // [s, m]
    scores.mul_(1.0 / std::sqrt(static_cast<double>(k)));
    AT_DISPATCH_FLOATING_TYPES(scores.scalar_type(), "causal", [&] {
      scalar_t* row = scores.data_ptr<scalar_t>();
      for (std::int64_t i = 0; i < s; ++i, row += m) {
        std::fill(row + (m - s) + i + 1, row + m, -std::numeric_limits<scalar_t>::infinity());
      }
    });
    out.narrow(1, head * k, k).copy_(at::mm(at::_softmax(scores, 1, false), value));
  }
}

}  // namespace

AttentionResult attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const TokenBatch& batch,
                          const AttentionShape& shape) {
  AttentionResult result{at::empty_like(q), {}};
  for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
    const std::int64_t begin = batch.starts[i], end = batch.starts[i + 1];
    HOLDFAST_ASSERT(begin < end);
    auto [out, log_sum_exp] = at::_scaled_dot_product_flash_attention_for_cpu(
        heads_of(q, begin, end, shape.head_dim), heads_of(k, begin, end, shape.head_dim),
        heads_of(v, begin, end, shape.head_dim), 0.0, /*is_causal=*/true);
    heads_of(result.out, begin, end, shape.head_dim).copy_(out);
    result.log_sum_exp.push_back(std::move(log_sum_exp));
  }
  return result;
}

AttentionGradient attention_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                                     const at::Tensor& v, const AttentionResult& forward, const TokenBatch& batch,
                                     const AttentionShape& shape) {
  AttentionGradient gradient{at::empty_like(q), at::empty_like(k), at::empty_like(v)};
  for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
    const std::int64_t begin = batch.starts[i], end = batch.starts[i + 1], width = shape.head_dim;
    const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        heads_of(dout, begin, end, width), heads_of(q, begin, end, width), heads_of(k, begin, end, width),
        heads_of(v, begin, end, width), heads_of(forward.out, begin, end, width), forward.log_sum_exp[i], 0.0,
        /*is_causal=*/true);
    heads_of(gradient.q, begin, end, width).copy_(dq);
    heads_of(gradient.k, begin, end, width).copy_(dk);
    heads_of(gradient.v, begin, end, width).copy_(dv);
  }
  return gradient;
}

at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const TokenBatch& batch,
                            const AttentionShape& shape, KvCache& cache, std::int64_t layer) {
  HOLDFAST_ASSERT(cache.num_slots() == batch.num_sequences());
  const std::int64_t n = batch.num_sequences(), groups = shape.num_kv_heads;
  bool is_fresh = true;
  for (std::int64_t i = 0; i < n; ++i) is_fresh = is_fresh && cache.past(i) == 0;
  if (is_fresh) {
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t begin = batch.starts[i], count = batch.starts[i + 1] - begin;
      cache.write(layer, i, k.narrow(0, begin, count), v.narrow(0, begin, count));
    }
    return attention(q, k, v, batch, shape).out;
  }
  std::vector<Segments> keys(n), values(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t begin = batch.starts[i], count = batch.starts[i + 1] - begin;
    cache.write(layer, i, k.narrow(0, begin, count), v.narrow(0, begin, count));
    const std::int64_t valid = cache.length(i) + count, before = cache.prefix_length();
    keys[i].second = cache.keys(layer, i).narrow(0, 0, valid);
    values[i].second = cache.values(layer, i).narrow(0, 0, valid);
    keys[i].first = before > 0 ? cache.prefix()->keys(layer, 0).narrow(0, 0, before) : keys[i].second.narrow(0, 0, 0);
    values[i].first =
        before > 0 ? cache.prefix()->values(layer, 0).narrow(0, 0, before) : values[i].second.narrow(0, 0, 0);
    if (count > 1 && before > 0) {  // matrix products want one block
      keys[i].second = at::cat({keys[i].first, keys[i].second});
      values[i].second = at::cat({values[i].first, values[i].second});
    }
  }
  at::Tensor out = at::empty_like(q);
  at::parallel_for(0, n * groups, 1, [&](std::int64_t task_begin, std::int64_t task_end) {
    for (std::int64_t task = task_begin; task < task_end; ++task) {
      const std::int64_t i = task / groups, begin = batch.starts[i], count = batch.starts[i + 1] - begin;
      if (count == 0) continue;
      if (count > 1) {
        at::Tensor rows = out.narrow(0, begin, count);
        attend_many(q.narrow(0, begin, count), keys[i].second, values[i].second, shape, task % groups, rows);
        continue;
      }
      AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "cached_attention", [&] {
        attend_one(q.const_data_ptr<scalar_t>() + begin * q.size(1), keys[i], values[i], shape, task % groups,
                   out.data_ptr<scalar_t>() + begin * q.size(1));
      });
    }
  });
  return out;
}

}  // namespace holdfast::model
