// Causal attention over a packed batch: every token looks at itself and the earlier tokens of its own sequence.
//
//   z_ij = scale q_i . k_j,  capped: cap * tanh(z_ij / cap)          j <= i, and i - j < window where there is one
//   out_i = sum_j p_ij v_j,  p_ij = exp(z_ij) / (sum_j exp(z_ij) + exp(sink))
//
// Shapes    q, out [t, h * k]; k, v [t, g * k], h a multiple of g (grouped queries); float or double.
// Forward   in float row by row (model/attention_rows.h), so that a prompt may be cut anywhere over a cache and a row
// gives
//           the same bits; in double, for tests, block by block (model/attention_block.h).
// Backward  in float head by head (model/attention_rows_backward.h), in double block by block.
// Cached    in float: new tokens look at the pages of their sequence (model/kv_cache.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/kv_cache.h"
#include "model/token_batch.h"

namespace holdfast::model {

struct AttentionShape {
  std::int64_t num_heads, num_kv_heads, head_dim;
  double scale = 0;         // 0: 1 / sqrt(head_dim)
  std::int64_t window = 0;  // 0: none
  double soft_cap = 0;      // 0: none
  at::Tensor sinks = {};    // [h] in the compute type; undefined: none
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

// Sequence i of the batch continues sequence i of the cache: its keys and values are written behind the valid ones,
// then attended.
at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const TokenBatch& batch,
                            const AttentionShape& shape, const KvCache& cache, std::int64_t layer);

}  // namespace holdfast::model
