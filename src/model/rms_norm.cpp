#include "model/rms_norm.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>

#include <cmath>

#include "base/error.h"
#include "base/simd.h"

namespace holdfast::model {
namespace {

constexpr std::int64_t kLanes = 16;  // chains of a sum, so that the bits are the same with every width of registers

template <typename T>
T add_lanes(T* lanes) {
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::int64_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

// Plain loops, once for each type: clones of a template are not to be had.
#define HOLDFAST_RMS_NORM_ROWS(T)                                                                                \
  HOLDFAST_CLONES T squares_of(const T* x, std::int64_t d) {                                                     \
    T lanes[kLanes] = {};                                                                                        \
    std::int64_t i = 0;                                                                                          \
    for (; i + kLanes <= d; i += kLanes) {                                                                       \
      _Pragma("omp simd") for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] += x[i + l] * x[i + l];             \
    }                                                                                                            \
    for (std::int64_t l = 0; i + l < d; ++l) lanes[l] += x[i + l] * x[i + l];                                    \
    return add_lanes(lanes);                                                                                     \
  }                                                                                                              \
  HOLDFAST_CLONES T dot_of(const T* x, const T* w, const T* dy, std::int64_t d) {                                \
    T lanes[kLanes] = {};                                                                                        \
    std::int64_t i = 0;                                                                                          \
    for (; i + kLanes <= d; i += kLanes) {                                                                       \
      _Pragma("omp simd") for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] += w[i + l] * dy[i + l] * x[i + l]; \
    }                                                                                                            \
    for (std::int64_t l = 0; i + l < d; ++l) lanes[l] += w[i + l] * dy[i + l] * x[i + l];                        \
    return add_lanes(lanes);                                                                                     \
  }                                                                                                              \
  HOLDFAST_CLONES void forward_row(const T* x, const T* w, T eps, std::int64_t d, T* y) {                        \
    const T s = 1 / std::sqrt(squares_of(x, d) / static_cast<T>(d) + eps);                                       \
    _Pragma("omp simd") for (std::int64_t i = 0; i < d; ++i) y[i] = w[i] * (x[i] * s);                           \
  }                                                                                                              \
  HOLDFAST_CLONES void backward_row(const T* dy, const T* x, const T* w, T eps, std::int64_t d, T* dx) {         \
    const T s = 1 / std::sqrt(squares_of(x, d) / static_cast<T>(d) + eps);                                       \
    const T c = s * s * s * dot_of(x, w, dy, d) / static_cast<T>(d);                                             \
    _Pragma("omp simd") for (std::int64_t i = 0; i < d; ++i) dx[i] += s * w[i] * dy[i] - c * x[i];               \
  }

HOLDFAST_RMS_NORM_ROWS(float)
HOLDFAST_RMS_NORM_ROWS(double)
#undef HOLDFAST_RMS_NORM_ROWS

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  HOLDFAST_ASSERT(x.dim() == 2 && x.is_contiguous() && weight.is_contiguous() && weight.size(0) == x.size(1));
  const std::int64_t d = x.size(1);
  at::Tensor y = at::empty_like(x);  // [t, d]
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rms_norm", [&] {
    const scalar_t* in = x.const_data_ptr<scalar_t>();
    const scalar_t* w = weight.const_data_ptr<scalar_t>();
    scalar_t* out = y.data_ptr<scalar_t>();
    at::parallel_for(0, x.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        forward_row(in + row * d, w, static_cast<scalar_t>(eps), d, out + row * d);
      }
    });
  });
  return y;
}

void rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, double eps,
                       at::Tensor& dx) {
  HOLDFAST_ASSERT(dy.is_contiguous() && x.is_contiguous() && dx.is_contiguous() && dy.sizes() == x.sizes());
  const std::int64_t d = x.size(1);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rms_norm_backward", [&] {
    const scalar_t* gradient = dy.const_data_ptr<scalar_t>();
    const scalar_t* in = x.const_data_ptr<scalar_t>();
    const scalar_t* w = weight.const_data_ptr<scalar_t>();
    scalar_t* out = dx.data_ptr<scalar_t>();
    at::parallel_for(0, x.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        backward_row(gradient + row * d, in + row * d, w, static_cast<scalar_t>(eps), d, out + row * d);
      }
    });
  });
}

}  // namespace holdfast::model
