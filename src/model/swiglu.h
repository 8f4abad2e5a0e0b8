// SwiGLU: a = silu(gate) * up, with silu(z) = z * sigma(z), sigma(z) = 1 / (1 + exp(-z)).
//
// Shapes    gate, up, a and their gradients [t, f]; float or double.
// Backward  dup = da * silu(gate);   dgate = da * up * sigma(gate) * (1 + gate * (1 - sigma(gate))).
// Source    Shazeer, "GLU Variants Improve Transformer", arXiv:2002.05202.
#pragma once

#include <ATen/core/Tensor.h>

namespace holdfast::model {

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);

struct SwigluGradient {
  at::Tensor gate, up;  // [t, f]
};
SwigluGradient swiglu_backward(const at::Tensor& da, const at::Tensor& gate, const at::Tensor& up);

}  // namespace holdfast::model
