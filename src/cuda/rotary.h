// Rotary position embedding in place, and its inverse: the rotation of model/rope.h.
//
//   y_i = x_i c_i - x_{i+half} s_i,   y_{i+half} = x_{i+half} c_i + x_i s_i        0 <= i < half
//
// Shapes    x: `rows` rows that lie row_stride numbers apart, each beginning with `heads` heads of head_dim numbers, of
//           which the first 2 * half turn; cos, sin float [rows, half].
// Inverse   the same with -s: the backward pass.
// Use       queries and keys of a joined product are heads side by side: one call turns both.
#pragma once

#include "cuda/queue.h"

namespace holdfast::cuda {

struct Rotary {
  Number type;
  void* x;
  const float *cos, *sin;
  std::int64_t rows, row_stride, heads, head_dim, half;
  bool is_inverse;
};
void rotary(const Rotary& call, Queue queue);

}  // namespace holdfast::cuda
