// The backward pass of causal attention for one query head of one sequence, in float (formulas: model/attention.h).
//
//   p_ij = exp(z_ij - L_i)      D_i = sum_c dout_ic out_ic      dz_ij = p_ij (dout_i . v_j - D_i) (slope of the cap)
//   dq_i = scale sum_j dz_ij k_j        dk_j = scale sum_i dz_ij q_i        dv_j = sum_i p_ij dout_i
//
// L is the forward pass's log-sum-exp, sinks included, so a sink needs nothing here.  Blocks of 64 queries meet the
// keys that they see, 256 at a time, through the products' tiles (quant/panel_kernels.h); everything is counted from
// the sequence's first token, so the gradient does not depend on what else is in the batch, on threads or instruction
// set. Memory  a block's p and dz, and padded copies of the head: eight times s * k numbers.
#pragma once

#include <cstdint>

#include "model/attention.h"

namespace holdfast::model {

// Rows of the head's numbers, `stride` apart.
struct HeadRows {
  const float* data;
  std::int64_t stride;
};

struct HeadBackward {
  HeadRows q, k, v, out, dout;  // [s, k] each
  const float* log_sum_exp;     // [s]
  std::int64_t count;           // s
  float* dq;                    // [s, k], rows dq_stride apart; written
  std::int64_t dq_stride;
  float *dk, *dv;  // [s, k] without gaps; written
};
void attend_rows_backward(const HeadBackward& head, const AttentionShape& shape);

}  // namespace holdfast::model
