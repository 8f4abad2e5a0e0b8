#include "model/swiglu.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>

#include "base/error.h"
#include "base/simd.h"
#include "model/elementary.h"
#include "model/pairs.h"

namespace holdfast::model {
namespace {

#define HOLDFAST_SWIGLU_SPAN(T)                                                                               \
  HOLDFAST_CLONES void backward_span(const T* da, const T* gate, const T* up, const T* sigma, std::int64_t n, \
                                     T* dgate, T* dup) {                                                      \
    _Pragma("omp simd") for (std::int64_t i = 0; i < n; ++i) {                                                \
      dup[i] = da[i] * (gate[i] * sigma[i]);                                                                  \
      dgate[i] = da[i] * up[i] * (sigma[i] * (1 + gate[i] * (1 - sigma[i])));                                 \
    }                                                                                                         \
  }

// A number's result does not depend on its place: elementary.h.
HOLDFAST_CLONES void forward_span(const float* gate, const float* up, std::int64_t n, float* out) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) out[i] = gate[i] * sigmoid_of(gate[i]) * up[i];
}

HOLDFAST_SWIGLU_SPAN(float)
HOLDFAST_SWIGLU_SPAN(double)
#undef HOLDFAST_SWIGLU_SPAN

}  // namespace

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) {
  if (gate.scalar_type() != at::kFloat) return at::silu(gate).mul_(up);
  return map_pairs(gate, up, forward_span);
}

SwigluGradient swiglu_backward(const at::Tensor& da, const at::Tensor& gate, const at::Tensor& up) {
  HOLDFAST_ASSERT(da.is_contiguous() && gate.is_contiguous() && up.is_contiguous() && da.sizes() == gate.sizes());
  const at::Tensor sigma = at::sigmoid(gate);
  SwigluGradient gradient{at::empty_like(gate), at::empty_like(up)};
  AT_DISPATCH_FLOATING_TYPES(da.scalar_type(), "swiglu_backward", [&] {
    const scalar_t* a = da.const_data_ptr<scalar_t>();
    const scalar_t* g = gate.const_data_ptr<scalar_t>();
    const scalar_t* u = up.const_data_ptr<scalar_t>();
    const scalar_t* s = sigma.const_data_ptr<scalar_t>();
    scalar_t* dgate = gradient.gate.data_ptr<scalar_t>();
    scalar_t* dup = gradient.up.data_ptr<scalar_t>();
    at::parallel_for(0, da.numel(), 16384, [&](std::int64_t begin, std::int64_t end) {
      backward_span(a + begin, g + begin, u + begin, s + begin, end - begin, dgate + begin, dup + begin);
    });
  });
  return gradient;
}

}  // namespace holdfast::model
