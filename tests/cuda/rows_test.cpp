// RMSNorm, rotary and gated activations against the decoder's own, at sizes around a thread's share and a block's.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>

#include "cuda/gated.h"
#include "cuda/rms_norm.h"
#include "cuda/rotary.h"
#include "model/activation.h"
#include "model/rms_norm.h"
#include "model/rope.h"
#include "where.h"

namespace holdfast::cuda {
namespace {

constexpr float kEps = 1e-5f;
const at::ScalarType kTypes[] = {at::kFloat, at::kBFloat16};

class RmsNorm : public Kernels {};

TEST_P(RmsNorm, AddsTheResidualAndNormsTheRoundedSum) {
  for (const at::ScalarType type : kTypes) {
    for (const auto& [rows, width, skip] : {std::tuple{0, 8, 0},
                                            {3, 1, 0},
                                            {2, 7, 1},
                                            {2, 8, 0},
                                            {3, 9, 3},
                                            {1, 64, 0},
                                            {2, 2047, 1},
                                            {2, 2048, 0},
                                            {1, 2049, 0},
                                            {1, 4101, 2}}) {
      const at::Tensor x = draw({rows, width}, 1, type), residual = draw({rows, width}, 2, type, 3),
                       weight = draw({width}, 3);
      const at::Tensor on_x = put(x, skip), on_residual = put(residual), on_weight = put(weight, skip);
      at::Tensor sum = put(at::zeros_like(x), skip), y = put(at::zeros_like(x));
      rms_norm_forward({number_of(type), on_x.data_ptr(), on_residual.data_ptr(), on_weight.data_ptr<float>(),
                        sum.data_ptr(), y.data_ptr(), rows, width, kEps},
                       queue());
      const at::Tensor expected_sum = x + residual;
      const auto what = std::string(at::toString(type)) + " " + std::to_string(rows) + " x " + std::to_string(width);
      EXPECT_TRUE(same_bits(sum, expected_sum)) << what;
      expect_near(y, model::rms_norm(expected_sum.to(at::kFloat), weight, kEps), tolerance_of(type), what);
      // Without a residual, into the place of the input's copy.
      rms_norm_forward({number_of(type), sum.data_ptr(), nullptr, on_weight.data_ptr<float>(), nullptr, y.data_ptr(),
                        rows, width, kEps},
                       queue());
      expect_near(y, model::rms_norm(expected_sum.to(at::kFloat), weight, kEps), tolerance_of(type), what + " alone");
    }
  }
}

TEST_P(RmsNorm, BackwardAddsToTheResidualsGradient) {
  for (const at::ScalarType type : kTypes) {
    for (const auto& [rows, width, skip] :
         {std::tuple{0, 8, 0}, {3, 1, 0}, {2, 7, 1}, {3, 9, 0}, {2, 2047, 0}, {2, 2048, 1}, {1, 2049, 0}}) {
      const at::Tensor x = draw({rows, width}, 1, type, 3), dy = draw({rows, width}, 2, type),
                       before = draw({rows, width}, 4, type), weight = draw({width}, 3);
      const at::Tensor on_x = put(x, skip), on_dy = put(dy), on_weight = put(weight);
      at::Tensor dx = put(before, skip);
      rms_norm_backward({number_of(type), on_dy.data_ptr(), on_x.data_ptr(), on_weight.data_ptr<float>(), dx.data_ptr(),
                         dx.data_ptr(), rows, width, kEps},
                        queue());
      at::Tensor expected = before.to(at::kFloat);
      model::rms_norm_backward(dy.to(at::kFloat), x.to(at::kFloat), weight, kEps, expected);
      const auto what = std::string(at::toString(type)) + " " + std::to_string(rows) + " x " + std::to_string(width);
      expect_near(dx, expected, tolerance_of(type), what, 1);
      at::Tensor alone = put(at::zeros_like(x));
      rms_norm_backward({number_of(type), on_dy.data_ptr(), on_x.data_ptr(), on_weight.data_ptr<float>(), nullptr,
                         alone.data_ptr(), rows, width, kEps},
                        queue());
      expected = at::zeros_like(x, at::kFloat);
      model::rms_norm_backward(dy.to(at::kFloat), x.to(at::kFloat), weight, kEps, expected);
      expect_near(alone, expected, tolerance_of(type), what + " alone", 1);
    }
  }
}

HOLDFAST_EVERYWHERE(RmsNorm);

class RotaryKernels : public Kernels {};

TEST_P(RotaryKernels, TurnTheFirstHeadsOfWiderRowsAndBack) {
  for (const at::ScalarType type : kTypes) {
    for (const auto& [rows, heads, head_dim, half, skip] : {std::tuple{0, 2, 16, 8, 0},
                                                            {1, 1, 2, 1, 0},
                                                            {5, 3, 14, 7, 1},
                                                            {3, 2, 16, 8, 0},
                                                            {4, 3, 18, 9, 0},
                                                            {7, 5, 128, 64, 0},
                                                            {3, 4, 20, 5, 2}}) {
      const std::int64_t width = heads * head_dim + 3;  // behind the heads stand numbers that stay
      const at::Tensor x = draw({rows, width}, 1, type), cos = draw({rows, half}, 2), sin = draw({rows, half}, 3);
      const at::Tensor on_cos = put(cos), on_sin = put(sin);
      for (const bool is_inverse : {false, true}) {
        at::Tensor found = put(x, skip);
        rotary({number_of(type), found.data_ptr(), on_cos.data_ptr<float>(), on_sin.data_ptr<float>(), rows, width,
                heads, head_dim, half, is_inverse},
               queue());
        at::Tensor turned = x.to(at::kFloat).narrow(1, 0, heads * head_dim).contiguous();
        model::apply_rotary(turned, {cos, sin}, head_dim, is_inverse);
        const at::Tensor expected = at::cat({turned, x.to(at::kFloat).narrow(1, heads * head_dim, 3)}, 1).to(type);
        EXPECT_TRUE(same_bits(found, expected)) << rows << " rows, head of " << head_dim << ", " << at::toString(type);
      }
    }
  }
}

HOLDFAST_EVERYWHERE(RotaryKernels);

class GatedKernels : public Kernels {};

TEST_P(GatedKernels, EqualTheDecodersOnHalvesOfOneProduct) {
  for (const at::ScalarType type : kTypes) {
    for (const auto& [kind, activation] : {std::pair{Gate::kSilu, checkpoint::Activation::kSilu},
                                           {Gate::kGeluTanh, checkpoint::Activation::kGeluTanh}}) {
      checkpoint::ModelConfig config;
      config.activation = activation;
      for (const auto& [rows, width, skip] :
           {std::tuple{0, 8, 0}, {1, 1, 0}, {3, 7, 1}, {2, 8, 0}, {3, 9, 0}, {5, 411, 0}, {2, 2048, 2}}) {
        const at::Tensor both = draw({rows, 2 * width}, 1, type, 3), da = draw({rows, width}, 2, type);
        if (rows > 0) both.select(0, 0).mul_(20);
        const at::Tensor on = put(both, skip), on_da = put(da);
        at::Tensor a = put(at::zeros_like(da)), gradient = put(at::zeros_like(both), skip), again = put(da);
        const auto size = on.element_size();
        const auto half = [&](at::Tensor& x) { return static_cast<char*>(x.data_ptr()) + width * size; };
        at::Tensor on_both = on;
        gated_forward({number_of(type), kind, on.data_ptr(), half(on_both), a.data_ptr(), rows, width, 2 * width},
                      queue());
        gated_backward({number_of(type), kind, again.data_ptr(), on.data_ptr(), half(on_both), gradient.data_ptr(),
                        half(gradient), again.data_ptr(), rows, width, 2 * width, 2 * width},
                       queue());
        const at::Tensor gate = both.to(at::kFloat).narrow(1, 0, width).contiguous(),
                         up = both.to(at::kFloat).narrow(1, width, width).contiguous();
        const auto expected = model::gated_backward(config, da.to(at::kFloat), gate, up);
        const auto what = std::string(at::toString(type)) + " " + std::to_string(rows) + " x " + std::to_string(width);
        // Far from zero the slope is a difference of numbers that are nearly one.
        expect_near(a, model::gated(config, gate, up), tolerance_of(type), what, 1);
        EXPECT_TRUE(same_bits(again, a)) << what;
        // The first row holds numbers twenty times as large, whose sums cancel.
        expect_near(gradient, at::cat({expected.gate, expected.up}, 1), tolerance_of(type), what, 30);
      }
    }
  }
}

HOLDFAST_EVERYWHERE(GatedKernels);

}  // namespace
}  // namespace holdfast::cuda
