#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/simd.h"
#include "model/attention_block.h"

namespace holdfast::model {
namespace {

// The keys or values a sequence looks at: shared prefix, then its own slab.
struct Segments {
  at::Tensor first, second;  // [m1, g * k], [m2, g * k]; the first may have no rows

  void drop(std::int64_t rows) {
    const std::int64_t of_first = std::min(rows, first.size(0));
    first = first.narrow(0, of_first, first.size(0) - of_first);
    second = second.narrow(0, rows - of_first, second.size(0) - (rows - of_first));
  }
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
void softmax(std::vector<T>& scores, const T* sink) {
  T largest = sink == nullptr ? -std::numeric_limits<T>::infinity() : *sink;
  for (const T score : scores) largest = std::max(largest, score);
  T sum = sink == nullptr ? 0 : std::exp(*sink - largest);
  for (T& score : scores) sum += (score = std::exp(score - largest));
  for (T& score : scores) score /= sum;
}

// One new token: query [h * k] against m1 + m2 keys, for the key/value heads begin .. end.
template <typename T>
void attend_one(const T* q, const Segments& keys, const Segments& values, const AttentionShape& shape,
                std::int64_t kv_head, const T* sinks, T* out) {
  const std::int64_t k = shape.head_dim, stride = shape.num_kv_heads * k, group = shape.num_heads / shape.num_kv_heads;
  const std::int64_t m1 = keys.first.size(0), m2 = keys.second.size(0);
  const T scale = static_cast<T>(attention_scale(shape)), cap = static_cast<T>(shape.soft_cap);
  std::vector<T> scores(m1 + m2);
  for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
    scores_of(q + head * k, keys.first.const_data_ptr<T>() + kv_head * k, m1, stride, k, scale, scores.data());
    scores_of(q + head * k, keys.second.const_data_ptr<T>() + kv_head * k, m2, stride, k, scale, scores.data() + m1);
    if (cap > 0)
      for (T& score : scores) score = cap * std::tanh(score / cap);
    softmax(scores, sinks == nullptr ? nullptr : sinks + head);
    std::fill(out + head * k, out + (head + 1) * k, T{0});
    add_values(scores.data(), values.first.const_data_ptr<T>() + kv_head * k, m1, stride, k, out + head * k);
    add_values(scores.data() + m1, values.second.const_data_ptr<T>() + kv_head * k, m2, stride, k, out + head * k);
  }
}

}  // namespace

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
    if (shape.window > 0) {
      // No new token sees further back than the window before the first of them.
      const std::int64_t unseen = std::max<std::int64_t>(0, before + valid - count - shape.window + 1);
      keys[i].drop(unseen);
      values[i].drop(unseen);
    }
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
        attend_block(q.narrow(0, begin, count), keys[i].second, values[i].second, shape, task % groups, rows, nullptr);
        continue;
      }
      AT_DISPATCH_FLOATING_TYPES(q.scalar_type(), "cached_attention", [&] {
        attend_one(q.const_data_ptr<scalar_t>() + begin * q.size(1), keys[i], values[i], shape, task % groups,
                   shape.sinks.defined() ? shape.sinks.const_data_ptr<scalar_t>() : nullptr,
                   out.data_ptr<scalar_t>() + begin * q.size(1));
      });
    }
  });
  return out;
}

}  // namespace holdfast::model
