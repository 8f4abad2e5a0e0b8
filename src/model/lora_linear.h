// A frozen linear layer with low-rank adapters beside it, each on its own rows.
//
//   forward    y  = x W^T + s (x A^T) B^T
//   backward   dS = s dy B,   dB += s dy^T (x A^T),   dA += dS^T x,   dx = dy W + dS A
//
// Shapes    x [t, in], y [t, out], W [out, in], A [r, in], B [out, r]; W has no gradient: it is frozen.
// x A^T is recomputed in the backward pass rather than kept: r is small.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>

#include "model/adapter.h"
#include "quant/matrix.h"

namespace holdfast::model {

// Rows begin .. end of x go through `pair`, and their gradient is added to `gradient` (null in a forward pass).
struct LoraRange {
  std::int64_t begin, end;
  const LoraPair* pair;
  const LoraPair* gradient = nullptr;
};
using LoraRows = c10::SmallVector<LoraRange, 4>;

// Rows in no range get the plain layer.
at::Tensor lora_linear(const at::Tensor& x, const quant::Matrix& weight, const LoraRows& lora);
// Adds to the gradient pairs and returns dx (an undefined tensor when `needs_dx` is false).
at::Tensor lora_linear_backward(const at::Tensor& dy, const at::Tensor& x, const quant::Matrix& weight,
                                const LoraRows& lora, bool needs_dx);

// The same with one pair for all rows; null or absent: the plain layer.
at::Tensor lora_linear(const at::Tensor& x, const quant::Matrix& weight, const LoraPair* lora);
at::Tensor lora_linear_backward(const at::Tensor& dy, const at::Tensor& x, const quant::Matrix& weight,
                                const LoraPair* lora, const LoraPair* gradient, bool needs_dx);

}  // namespace holdfast::model
