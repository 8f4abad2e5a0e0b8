// Products of rows sorted by expert, each expert's rows with its own matrix, in one launch.
//
//   forward    y[i, :]  (+)= scale W_e x[i, :]                       x [n, in], y [n, out], W_e [out, in]
//   backward   y[i, :]  (+)= scale W_e^T x[i, :]                     x [n, out], y [n, in]
//   gradient   G_e       += scale sum over i of x[i, :] z[i, :]^T    x [n, out], z [n, in], G_e float [out, in]
//
// where expert e owns rows starts[e] .. starts[e + 1].  The boundaries are read on the device, so that nobody waits for
// them; the grid is as large as any split of n rows needs, and superfluous blocks return at once.
// Types     x, z, W_e, y of `type`; sums in float, over tiles of 32 in ascending order.  bfloat16 goes through the
//           tensor cores, which sum in an order of their own.
// Strides   rows of x, z and y may be pieces of wider ones; matrices lie row by row without gaps.
// Alignment any; columns that are multiples of 8 are read fastest.
// Also      a rank-r adapter's factors: A_e and B_e are matrices like others.
#pragma once

#include "cuda/queue.h"

namespace holdfast::cuda {

enum class Grouped { kForward, kBackward, kGradient };

struct GroupedProduct {
  Number type;
  Grouped kind;
  const void *x, *z;           // z: kGradient only
  const void* const* weights;  // [experts] in the device's memory; not of kGradient
  void* y;                     // not of kGradient
  float* const* gradients;     // [experts] in the device's memory; kGradient only
  const std::int64_t* starts;  // [experts + 1]
  std::int64_t experts, rows, in, out;
  std::int64_t x_stride, z_stride, y_stride;  // numbers between two rows
  float scale = 1;
  bool adds = false;  // to y
};
void grouped_product(const GroupedProduct& call, Queue queue);

}  // namespace holdfast::cuda
