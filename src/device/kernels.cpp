#include "device/kernels.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "base/error.h"
#include "cuda/cross_entropy.h"
#include "cuda/gated.h"
#include "cuda/grouped_product.h"
#include "cuda/rms_norm.h"
#include "cuda/rotary.h"

namespace holdfast::device {
namespace {

cuda::Gate gate_of(checkpoint::Activation activation) {
  HOLDFAST_ASSERT(activation != checkpoint::Activation::kClampedSwiglu);
  return activation == checkpoint::Activation::kSilu ? cuda::Gate::kSilu : cuda::Gate::kGeluTanh;
}

const void* second_half(const at::Tensor& both) {
  return static_cast<const char*>(both.const_data_ptr()) + both.size(1) / 2 * both.element_size();
}
void* second_half(at::Tensor& both) {
  return static_cast<char*>(both.data_ptr()) + both.size(1) / 2 * both.element_size();
}

}  // namespace

cuda::Number number_of(const at::Tensor& x) {
  HOLDFAST_ASSERT(x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
  return x.scalar_type() == at::kFloat ? cuda::Number::kFloat : cuda::Number::kBf16;
}

at::Tensor normed(const at::Tensor& x, const at::Tensor& weight, double eps) {
  HOLDFAST_ASSERT(x.is_contiguous());
  at::Tensor y = at::empty_like(x);
  cuda::rms_norm_forward({number_of(x), x.const_data_ptr(), nullptr, weight.const_data_ptr<float>(), nullptr,
                          y.data_ptr(), x.size(0), x.size(1), static_cast<float>(eps)},
                         queue_of(x.device()));
  return y;
}

at::Tensor add_and_norm(at::Tensor& x, const at::Tensor& residual, const at::Tensor& weight, double eps) {
  HOLDFAST_ASSERT(x.is_contiguous() && residual.is_contiguous() && x.sizes() == residual.sizes());
  at::Tensor y = at::empty_like(x);
  cuda::rms_norm_forward({number_of(x), x.const_data_ptr(), residual.const_data_ptr(), weight.const_data_ptr<float>(),
                          x.data_ptr(), y.data_ptr(), x.size(0), x.size(1), static_cast<float>(eps)},
                         queue_of(x.device()));
  return y;
}

void norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, double eps, at::Tensor& dx) {
  HOLDFAST_ASSERT(dy.is_contiguous() && x.is_contiguous() && dy.sizes() == x.sizes());
  const void* before = nullptr;
  if (dx.defined()) {
    HOLDFAST_ASSERT(dx.is_contiguous());
    before = dx.const_data_ptr();
  } else {
    dx = at::empty_like(x);
  }
  cuda::rms_norm_backward({number_of(x), dy.const_data_ptr(), x.const_data_ptr(), weight.const_data_ptr<float>(),
                           before, dx.data_ptr(), x.size(0), x.size(1), static_cast<float>(eps)},
                          queue_of(x.device()));
}

void rotate(at::Tensor& x, const model::RopeTable& table, std::int64_t heads, std::int64_t head_dim, bool is_inverse) {
  HOLDFAST_ASSERT(x.stride(1) == 1 && table.cos.is_contiguous() && table.cos.size(0) == x.size(0));
  cuda::rotary({number_of(x), x.data_ptr(), table.cos.const_data_ptr<float>(), table.sin.const_data_ptr<float>(),
                x.size(0), x.stride(0), heads, head_dim, table.cos.size(1), is_inverse},
               queue_of(x.device()));
}

at::Tensor gated(checkpoint::Activation activation, const at::Tensor& both) {
  HOLDFAST_ASSERT(both.is_contiguous());
  const std::int64_t rows = both.size(0), width = both.size(1) / 2;
  at::Tensor a = at::empty({rows, width}, both.options());
  cuda::gated_forward({number_of(both), gate_of(activation), both.const_data_ptr(), second_half(both), a.data_ptr(),
                       rows, width, 2 * width},
                      queue_of(both.device()));
  return a;
}

at::Tensor gated_backward(checkpoint::Activation activation, at::Tensor& da, const at::Tensor& both) {
  HOLDFAST_ASSERT(both.is_contiguous() && da.is_contiguous() && da.size(1) * 2 == both.size(1));
  const std::int64_t rows = both.size(0), width = both.size(1) / 2;
  at::Tensor gradient = at::empty_like(both);
  cuda::gated_backward({number_of(both), gate_of(activation), da.data_ptr(), both.const_data_ptr(), second_half(both),
                        gradient.data_ptr(), second_half(gradient), da.data_ptr(), rows, width, 2 * width, 2 * width},
                       queue_of(both.device()));
  return gradient;
}

void multiply_experts(const ExpertRows& rows, const at::Tensor& x, const void* const* weights, at::Tensor y,
                      double scale, bool adds) {
  HOLDFAST_ASSERT(x.stride(1) == 1 && y.stride(1) == 1 && x.size(0) == y.size(0));
  cuda::grouped_product(
      {number_of(x), cuda::Grouped::kForward, x.const_data_ptr(), nullptr, weights, y.data_ptr(), nullptr, rows.starts,
       rows.experts, x.size(0), x.size(1), y.size(1), x.stride(0), 0, y.stride(0), static_cast<float>(scale), adds},
      queue_of(x.device()));
}

void multiply_experts_back(const ExpertRows& rows, const at::Tensor& x, const void* const* weights, at::Tensor y,
                           double scale, bool adds) {
  HOLDFAST_ASSERT(x.stride(1) == 1 && y.stride(1) == 1 && x.size(0) == y.size(0));
  cuda::grouped_product(
      {number_of(x), cuda::Grouped::kBackward, x.const_data_ptr(), nullptr, weights, y.data_ptr(), nullptr, rows.starts,
       rows.experts, x.size(0), y.size(1), x.size(1), x.stride(0), 0, y.stride(0), static_cast<float>(scale), adds},
      queue_of(x.device()));
}

void add_expert_gradients(const ExpertRows& rows, const at::Tensor& x, const at::Tensor& z, float* const* gradients,
                          double scale) {
  HOLDFAST_ASSERT(x.stride(1) == 1 && z.stride(1) == 1 && x.size(0) == z.size(0));
  cuda::grouped_product({number_of(x), cuda::Grouped::kGradient, x.const_data_ptr(), z.const_data_ptr(), nullptr,
                         nullptr, gradients, rows.starts, rows.experts, x.size(0), z.size(1), x.size(1), x.stride(0),
                         z.stride(0), 0, static_cast<float>(scale), true},
                        queue_of(x.device()));
}

at::Tensor cross_entropy(at::Tensor& logits, const at::Tensor& targets, double scale) {
  HOLDFAST_ASSERT(logits.is_contiguous() && targets.size(0) == logits.size(0));
  at::Tensor loss = at::empty({logits.size(0)}, logits.options().dtype(at::kFloat));
  cuda::cross_entropy({number_of(logits), logits.data_ptr(), targets.const_data_ptr<std::int64_t>(),
                       loss.data_ptr<float>(), logits.size(0), logits.size(1), static_cast<float>(scale)},
                      queue_of(logits.device()));
  return loss;
}

}  // namespace holdfast::device
