#include "model/activation.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/sigmoid.h>

#include "base/error.h"
#include "base/profile.h"
#include "base/simd.h"
#include "model/elementary.h"
#include "model/pairs.h"

namespace holdfast::model {
namespace {

using checkpoint::Activation;

// gelu by tanh: 0.5 g (1 + tanh z) = g sigmoid(2 z), z = sqrt(2 / pi) (g + 0.044715 g^3).
HOLDFAST_CLONES void gelu_span(const float* gate, const float* up, std::int64_t n, float* out) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gate[i], twice_z = 1.5957691216057308f * (g + 0.044715f * g * g * g);
    out[i] = g * sigmoid_of(twice_z) * up[i];
  }
}

HOLDFAST_CLONES void clamped_span(const float* gate, const float* up, std::int64_t n, float alpha, float limit,
                                  float* out) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gate[i] > limit ? limit : gate[i];
    const float u = up[i] > limit ? limit : (up[i] < -limit ? -limit : up[i]);
    out[i] = (u + 1.0f) * (g * sigmoid_of(alpha * g));
  }
}

// With s = sigmoid(2 z): d gelu / dg = s + g s (1 - s) 2 dz/dg.
HOLDFAST_CLONES void gelu_backward_span(const float* da, const float* gate, const float* up, std::int64_t n,
                                        float* dgate, float* dup) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gate[i], twice_z = 1.5957691216057308f * (g + 0.044715f * g * g * g);
    const float s = sigmoid_of(twice_z), slope = 1.5957691216057308f * (1.0f + 0.134145f * g * g);
    dup[i] = da[i] * (g * s);
    dgate[i] = da[i] * up[i] * (s + g * s * (1.0f - s) * slope);
  }
}

HOLDFAST_CLONES void clamped_backward_span(const float* da, const float* gate, const float* up, std::int64_t n,
                                           float alpha, float limit, float* dgate, float* dup) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gate[i] > limit ? limit : gate[i];
    const float u = up[i] > limit ? limit : (up[i] < -limit ? -limit : up[i]);
    const float s = sigmoid_of(alpha * g);
    dgate[i] = gate[i] > limit ? 0.0f : da[i] * (u + 1.0f) * (s + alpha * g * s * (1.0f - s));
    dup[i] = up[i] > limit || up[i] < -limit ? 0.0f : da[i] * (g * s);
  }
}

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
  const profile::Phase phase("activation");
  const bool is_float = gate.scalar_type() == at::kFloat;
  switch (config.activation) {
    case Activation::kSilu:
      return swiglu(gate, up);
    case Activation::kGeluTanh:
      return is_float ? map_pairs(gate, up, gelu_span) : at::gelu(gate, "tanh").mul_(up);
    case Activation::kClampedSwiglu: {
      if (is_float) {
        const auto alpha = static_cast<float>(config.moe.swiglu_alpha),
                   limit = static_cast<float>(config.moe.swiglu_limit);
        return map_pairs(gate, up, [&](const float* g, const float* u, std::int64_t n, float* out) {
          clamped_span(g, u, n, alpha, limit, out);
        });
      }
      const Clamped c = clamp_both(config.moe, gate, up);
      return c.u.add(1).mul_(c.g * c.sigma);
    }
  }
  HOLDFAST_ASSERT(false);
}

SwigluGradient gated_backward(const checkpoint::ModelConfig& config, const at::Tensor& da, const at::Tensor& gate,
                              const at::Tensor& up) {
  const profile::Phase phase("activation backward");
  switch (config.activation) {
    case Activation::kSilu:
      return swiglu_backward(da, gate, up);
    case Activation::kGeluTanh:
      if (gate.scalar_type() == at::kFloat) {
        auto [dgate, dup] = map_pairs_backward(da, gate, up, gelu_backward_span);
        return {dgate, dup};
      }
      return {at::gelu_backward(da * up, gate, "tanh"), at::gelu(gate, "tanh").mul_(da)};
    case Activation::kClampedSwiglu: {
      const double alpha = config.moe.swiglu_alpha, limit = config.moe.swiglu_limit;
      if (gate.scalar_type() == at::kFloat) {
        auto [dgate, dup] = map_pairs_backward(
            da, gate, up, [&](const float* d, const float* g, const float* u, std::int64_t n, float* dg, float* du) {
              clamped_backward_span(d, g, u, n, static_cast<float>(alpha), static_cast<float>(limit), dg, du);
            });
        return {dgate, dup};
      }
      const Clamped c = clamp_both(config.moe, gate, up);
      const at::Tensor slope = c.sigma * (1 + alpha * c.g * (1 - c.sigma));
      return {da * (c.u + 1) * slope * gate.le(limit), da * c.g * c.sigma * up.abs().le(limit)};
    }
  }
  HOLDFAST_ASSERT(false);
}

}  // namespace holdfast::model
