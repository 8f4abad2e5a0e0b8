// Attention of one new token of each of n sequences to the keys and values that stand in pages.
//
//   z_j = scale q . k_j   (0 <= j < length)      p = softmax(z)      out = sum_j p_j v_j
//
// Shapes    q, out [n, h, k]; keys, values [pages, page_size, g, k], h a multiple of g, at most 16 heads a group, k at
//           most 256; page_table int32 [n, table_width]: token j of sequence i stands in page
//           page_table[i, j / page_size], place j % page_size; lengths int32 [n], at least 1, the new token among them.
// Split     the pages of a sequence are cut into `splits` parts of equal size, each a block's work with its own softmax
//           over what it saw: partial float [n, h, splits, k], log_sums float [n, h, splits].  A second kernel merges
//           them: out = sum_s w_s partial_s / sum_s w_s, w_s = exp(log_sum_s - max).  Parts without keys have
//           -infinity.
// Types     q, keys, values and out of `type`; products and sums in float.
#pragma once

#include "cuda/queue.h"

namespace holdfast::cuda {

inline constexpr int kMostGroupedHeads = 16, kMostHeadDim = 256;

struct PagedAttention {
  Number type;
  const void *q, *keys, *values;
  const std::int32_t *page_table, *lengths;
  void *out;
  float *partial, *log_sums;
  std::int64_t num_sequences, num_heads, num_kv_heads, head_dim, page_size, table_width, splits;
  float scale;
};
void paged_attention(const PagedAttention &call, Queue queue);

}  // namespace holdfast::cuda
