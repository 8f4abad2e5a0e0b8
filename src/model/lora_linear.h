// A frozen linear layer with a low-rank adapter beside it.
//
//   forward    y  = x W^T + s (x A^T) B^T
//   backward   dS = s dy B,   dB += s dy^T (x A^T),   dA += dS^T x,   dx = dy W + dS A
//
// Shapes    x [t, in], y [t, out], W [out, in], A [r, in], B [out, r]; W has no gradient: it is frozen.
// x A^T is recomputed in the backward pass rather than kept: r is small.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/adapter.h"
#include "quant/matrix.h"

namespace holdfast::model {

// `lora` may be null: the plain layer.
at::Tensor lora_linear(const at::Tensor& x, const quant::Matrix& weight, const LoraPair* lora);

// Adds to the gradient pair and returns dx (an undefined tensor when `needs_dx` is false).
at::Tensor lora_linear_backward(const at::Tensor& dy, const at::Tensor& x, const quant::Matrix& weight,
                                const LoraPair* lora, const LoraPair* gradient, bool needs_dx);

}  // namespace holdfast::model
