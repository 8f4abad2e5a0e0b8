// Causal attention over a packed batch: every token looks at itself and the earlier tokens of its own sequence.
//
//   out_i = sum_j softmax_j(q_i . k_j / sqrt(k)) v_j,   j <= i within the sequence
//
// Shapes    q, out [t, h * k]; k, v [t, g * k], h a multiple of g (grouped queries); float or double.
// Training  ATen's flash attention for CPUs, one call a sequence, which also gives the backward pass; so no [s, s]
// matrix
//           is kept and none crosses a boundary between sequences.
// Cached    new tokens look at the slab of their slot (and a shared prefix): loops for one new token, matrix products
// else.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/kv_cache.h"
#include "model/token_batch.h"

namespace holdfast::model {

struct AttentionShape {
  std::int64_t num_heads, num_kv_heads, head_dim;
};

struct AttentionResult {
  at::Tensor out;                       // [t, h * k]
  std::vector<at::Tensor> log_sum_exp;  // per sequence [1, h, s], what the backward pass needs
};
AttentionResult attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const TokenBatch& batch,
                          const AttentionShape& shape);

struct AttentionGradient {
  at::Tensor q, k, v;
};
AttentionGradient attention_backward(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                                     const at::Tensor& v, const AttentionResult& forward, const TokenBatch& batch,
                                     const AttentionShape& shape);

// Sequence i of the batch continues slot i: its keys and values are written behind the slot's, then attended.
at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const TokenBatch& batch,
                            const AttentionShape& shape, KvCache& cache, std::int64_t layer);

}  // namespace holdfast::model
