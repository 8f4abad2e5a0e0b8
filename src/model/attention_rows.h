// Attention of some queries to the keys before them, for one key/value head, in float: the forward pass of
// model/attention.h, with and without a cache.
//
//   z_j = scale q . k_j, capped where there is a cap      p_j = exp(z_j - max z)      out = sum_j p_j v_j / sum_j p_j
//
// A query and a head of its group make a row; eight rows go through the products' tiles (quant/panel_kernels.h)
// together.
// Bits    the keys are counted from the sequence's first; each dot product is a chain over the head's numbers, each sum
//         over keys a sum of chains of 256 keys, the denominator 16 chains of every sixteenth key.  So a row's result
//         depends on its query and the keys it sees, not on what else is computed, where the keys lie, what of the
//         sequence came from a cache, threads or instruction set.
// Memory  scores of eight rows; of keys that stand in rows a transposed copy.
#pragma once

#include <cstdint>

#include "model/attention.h"

namespace holdfast::model {

// The keys and values of a sequence for one head, 32 places at a time.
struct KeyPanels {
  const float* const* keys;    // of each 32 places [k, 32]: number c of 32 keys side by side
  const float* const* values;  // of each 32 places [32, k]
  std::int64_t value_stride;   // from row to row
  bool has_room;               // 32 numbers may be read from any number of the values, though k ends before
};

// The same in rows of g * k numbers, for all heads.
struct KeyRows {
  const float *keys, *values;
};

struct QueryRows {
  const float* q;  // [count, h * k]
  float* out;      // [count, h * k]; only the columns of the head's group are written
  std::int64_t count;
  std::int64_t position;  // of the first query: it sees the keys up to and including that place
};

// log_sum_exp: null, or [h, log_stride] with a number for each query.
void attend_rows(const QueryRows& rows, const KeyPanels& panels, const AttentionShape& shape, std::int64_t kv_head,
                 float* log_sum_exp, std::int64_t log_stride);
void attend_rows(const QueryRows& rows, const KeyRows& keys, const AttentionShape& shape, std::int64_t kv_head,
                 float* log_sum_exp, std::int64_t log_stride);

}  // namespace holdfast::model
