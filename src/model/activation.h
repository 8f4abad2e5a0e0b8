// The gated activations of feed-forward blocks: a = f(gate, up), number by number.
//
//   silu     a = silu(gate) * up                                    model/swiglu.h
//   gelu     a = gelu(gate) * up, gelu(z) = z/2 (1 + tanh(sqrt(2/pi) (z + 0.044715 z^3)))
//   clamped  a = (u + 1) * g * sigma(alpha g), g = min(gate, limit), u = max(-limit, min(up, limit))
// Shapes    gate, up, a and their gradients [t, f]; float or double.
// Backward  gelu     dup = da gelu(gate),   dgate = da up gelu'(gate)
//           clamped  du = da g sigma(alpha g),   dg = da (u + 1) sigma(alpha g) (1 + alpha g (1 - sigma(alpha g))),
//                    each zero where its input is beyond the limit
// Source    Shazeer, arXiv:2002.05202; the clamped form is gpt-oss's.
#pragma once

#include <ATen/core/Tensor.h>

#include "checkpoint/model_config.h"
#include "model/swiglu.h"

namespace holdfast::model {

at::Tensor gated(const checkpoint::ModelConfig& config, const at::Tensor& gate, const at::Tensor& up);

SwigluGradient gated_backward(const checkpoint::ModelConfig& config, const at::Tensor& da, const at::Tensor& gate,
                              const at::Tensor& up);

}  // namespace holdfast::model
