#include "model/swiglu.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>

#include "base/simd.h"
#include "model/elementary.h"
#include "model/pairs.h"

namespace holdfast::model {
namespace {

// A number's result does not depend on its place: elementary.h.
HOLDFAST_CLONES void forward_span(const float* gate, const float* up, std::int64_t n, float* out) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) out[i] = gate[i] * sigmoid_of(gate[i]) * up[i];
}

HOLDFAST_CLONES void backward_span(const float* da, const float* gate, const float* up, std::int64_t n, float* dgate,
                                   float* dup) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float sigma = sigmoid_of(gate[i]), silu = gate[i] * sigma;
    dup[i] = da[i] * silu;
    dgate[i] = da[i] * up[i] * (sigma + silu * (1.0f - sigma));
  }
}

}  // namespace

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  if (gate.scalar_type() != at::kFloat) return at::silu(gate).mul_(up);
  return map_pairs(gate, up, forward_span);
}

SwigluGradient swiglu_backward(const at::Tensor& da, const at::Tensor& gate, const at::Tensor& up) {
  if (gate.scalar_type() == at::kFloat) {
    auto [dgate, dup] = map_pairs_backward(da, gate, up, backward_span);
    return {dgate, dup};
  }
  const at::Tensor sigma = at::sigmoid(gate), silu = gate * sigma;
  return {da * up * (sigma + silu * (1 - sigma)), da * silu};
}

}  // namespace holdfast::model
