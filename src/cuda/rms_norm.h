// RMSNorm over rows, with the residual addition before it and the residual gradient behind it in the same pass.
//
//   forward    s = x + residual (rounded to the type);   y = weight * s / sqrt(mean(s^2) + eps)
//   backward   dx = residual + r weight dy - x r^3 sum(weight dy x) / d,   r = 1 / sqrt(mean(x^2) + eps)
//
// Shapes    all [rows, width] but weight [width]; rows end to end, any width and alignment.
// Types     `type`, the weight in float; sums in float, in the order of cuda/run.cuh's Reduction.
// Null      residual: nothing is added.  sum: s is not wanted (REQUIRES: no residual, or sum given).
// Aliases   sum may be x or residual; dx may be dy or residual.
// Source    Zhang and Sennrich, "Root Mean Square Layer Normalization", arXiv:1910.07467.
#pragma once

#include "cuda/queue.h"

namespace holdfast::cuda {

struct RmsNormForward {
  Number type;
  const void *x, *residual;
  const float* weight;
  void *sum, *y;
  std::int64_t rows, width;
  float eps;
};
void rms_norm_forward(const RmsNormForward& call, Queue queue);

struct RmsNormBackward {
  Number type;
  const void *dy, *x;
  const float* weight;
  const void* residual;
  void* dx;
  std::int64_t rows, width;
  float eps;
};
void rms_norm_backward(const RmsNormBackward& call, Queue queue);

}  // namespace holdfast::cuda
