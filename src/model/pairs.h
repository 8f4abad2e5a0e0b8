// Runs a loop over two or three float tensors of one shape, in pieces on all threads.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>

#include "base/error.h"

namespace holdfast::model {

// span(a, b, n, out): out[i] from a[i] and b[i] alone.
template <typename Span>
at::Tensor map_pairs(const at::Tensor& a, const at::Tensor& b, const Span& span) {
  HOLDFAST_ASSERT(a.is_contiguous() && b.is_contiguous() && a.sizes() == b.sizes());
  at::Tensor out = at::empty_like(a);
  const float *from_a = a.const_data_ptr<float>(), *from_b = b.const_data_ptr<float>();
  float* to = out.data_ptr<float>();
  at::parallel_for(0, a.numel(), 16384, [&](std::int64_t begin, std::int64_t end) {
    span(from_a + begin, from_b + begin, end - begin, to + begin);
  });
  return out;
}

// span(da, a, b, n, out_a, out_b): the gradients of a[i] and b[i] from da[i], a[i] and b[i] alone.
template <typename Span>
std::pair<at::Tensor, at::Tensor> map_pairs_backward(const at::Tensor& da, const at::Tensor& a, const at::Tensor& b,
                                                     const Span& span) {
  HOLDFAST_ASSERT(da.is_contiguous() && a.is_contiguous() && b.is_contiguous() && a.sizes() == b.sizes() &&
                  da.sizes() == a.sizes());
  at::Tensor out_a = at::empty_like(a), out_b = at::empty_like(b);
  const float *from = da.const_data_ptr<float>(), *from_a = a.const_data_ptr<float>(),
              *from_b = b.const_data_ptr<float>();
  float *to_a = out_a.data_ptr<float>(), *to_b = out_b.data_ptr<float>();
  at::parallel_for(0, a.numel(), 16384, [&](std::int64_t begin, std::int64_t end) {
    span(from + begin, from_a + begin, from_b + begin, end - begin, to_a + begin, to_b + begin);
  });
  return {out_a, out_b};
}

}  // namespace holdfast::model
