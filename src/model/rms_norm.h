// RMSNorm: y = w * x / sqrt(mean(x^2) + eps), row by row.
//
// Shapes    x, y, dx, dy [t, d]; w [d].  Float or double; sums in the same type, or double for double.
// Backward  with s = 1 / sqrt(mean(x^2) + eps) and u = w * dy:   dx = s u - x s^3 sum(u x) / d.   w is frozen.
// Source    Zhang and Sennrich, "Root Mean Square Layer Normalization", arXiv:1910.07467.
#pragma once

#include <ATen/core/Tensor.h>

namespace holdfast::model {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// dx += gradient of rms_norm.  REQUIRES: contiguous tensors of one type.
void rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, double eps, at::Tensor& dx);

}  // namespace holdfast::model
