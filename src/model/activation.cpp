#include "model/activation.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/sigmoid.h>

#include "base/error.h"

namespace holdfast::model {
namespace {

using checkpoint::Activation;

struct Clamped {
  at::Tensor g, u, sigma;
};

Clamped clamp_both(const checkpoint::MoeConfig& moe, const at::Tensor& gate, const at::Tensor& up) {
  Clamped c{at::clamp_max(gate, moe.swiglu_limit), at::clamp(up, -moe.swiglu_limit, moe.swiglu_limit), {}};
  c.sigma = at::sigmoid(c.g * moe.swiglu_alpha);
  return c;
}

}  // namespace

at::Tensor gated(const checkpoint::ModelConfig& config, const at::Tensor& gate, const at::Tensor& up) {
  switch (config.activation) {
    case Activation::kSilu:
      return swiglu(gate, up);
    case Activation::kGeluTanh:
      return at::gelu(gate, "tanh").mul_(up);
    case Activation::kClampedSwiglu: {
      const Clamped c = clamp_both(config.moe, gate, up);
      return c.u.add(1).mul_(c.g * c.sigma);
    }
  }
  HOLDFAST_ASSERT(false);
}

SwigluGradient gated_backward(const checkpoint::ModelConfig& config, const at::Tensor& da, const at::Tensor& gate,
                              const at::Tensor& up) {
  switch (config.activation) {
    case Activation::kSilu:
      return swiglu_backward(da, gate, up);
    case Activation::kGeluTanh:
      return {at::gelu_backward(da * up, gate, "tanh"), at::gelu(gate, "tanh").mul_(da)};
    case Activation::kClampedSwiglu: {
      const Clamped c = clamp_both(config.moe, gate, up);
      const double alpha = config.moe.swiglu_alpha, limit = config.moe.swiglu_limit;
      const at::Tensor slope = c.sigma * (1 + alpha * c.g * (1 - c.sigma));
      return {da * (c.u + 1) * slope * gate.le(limit), da * c.g * c.sigma * up.abs().le(limit)};
    }
  }
  HOLDFAST_ASSERT(false);
}

}  // namespace holdfast::model
