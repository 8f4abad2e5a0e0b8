// Cross-entropy against a plain loop in double, and AdamW against training/optimizer.
#include <ATen/TensorOperators.h>
#include <ATen/ops/_log_softmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>

#include "cuda/adamw.h"
#include "cuda/cross_entropy.h"
#include "training/optimizer.h"
#include "where.h"

namespace holdfast::cuda {
namespace {

class CrossEntropyKernels : public Kernels {};

TEST_P(CrossEntropyKernels, GiveLossAndGradientOfEachRow) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const auto& [rows, width, skip] : {std::tuple{0, 9, 0},
                                            {1, 1, 0},
                                            {3, 7, 1},
                                            {2, 8, 0},
                                            {3, 97, 0},
                                            {2, 4095, 0},
                                            {2, 4096, 0},
                                            {2, 4097, 1},
                                            {1, 32003, 0}}) {
      constexpr float kScale = 0.25f;
      const at::Tensor logits = draw({rows, width}, 1, type, 6);
      if (rows > 1) logits.select(0, 1).sub_(80);  // far from zero: only differences count
      at::Tensor targets = at::empty({rows}, at::kLong);
      for (std::int64_t i = 0; i < rows; ++i)
        targets.data_ptr<std::int64_t>()[i] = i == 0 ? width - 1 : (i * 37) % width;
      at::Tensor found = put(logits, skip), loss = put(at::full({rows}, -1, at::kFloat));
      const at::Tensor on_targets = put(targets);
      cross_entropy({number_of(type), found.data_ptr(), on_targets.data_ptr<std::int64_t>(), loss.data_ptr<float>(),
                     rows, width, kScale},
                    queue());
      const at::Tensor log_p = at::_log_softmax(logits.to(at::kDouble), 1, false);
      at::Tensor gradient = at::exp(log_p), expected = at::empty({rows}, at::kDouble);
      for (std::int64_t i = 0; i < rows; ++i) {
        const std::int64_t target = targets.data_ptr<std::int64_t>()[i];
        expected[i] = -log_p[i][target];
        gradient[i][target] -= 1;
      }
      const auto what = std::string(at::toString(type)) + " " + std::to_string(rows) + " x " + std::to_string(width);
      expect_near(loss, expected, 2e-6, what, 10);
      expect_near(found, gradient.mul_(kScale), tolerance_of(type) + 1e-5, what, 1e-3);
    }
  }
}

TEST_P(CrossEntropyKernels, TakeLogitsOfMinusInfinity) {
  at::Tensor logits = draw({1, 5000}, 1);
  logits.narrow(1, 0, 4600).fill_(-INFINITY);
  at::Tensor targets = at::full({1}, 4800, at::kLong), found = put(logits), loss = put(at::full({1}, -1, at::kFloat));
  const at::Tensor on_targets = put(targets);
  cross_entropy(
      {Number::kFloat, found.data_ptr(), on_targets.data_ptr<std::int64_t>(), loss.data_ptr<float>(), 1, 5000, 1.0f},
      queue());
  const at::Tensor log_p = at::_log_softmax(logits.to(at::kDouble), 1, false);
  expect_near(loss, -log_p.narrow(1, 4800, 1).view({1}), 2e-6, "loss", 10);
  EXPECT_EQ(found.narrow(1, 0, 4600).abs().max().item<float>(), 0);
}

HOLDFAST_EVERYWHERE(CrossEntropyKernels);

class AdamWKernels : public Kernels {};

TEST_P(AdamWKernels, MakeTheOptimizersStepToTheBit) {
  for (const std::int64_t n : {0, 1, 7, 8, 9, 2047, 2048, 2049}) {
    for (const std::int64_t skip : {0, 1}) {
      const training::AdamWOptions options{.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1};
      training::AdamW optimizer(n, at::kFloat, options);
      at::Tensor parameters = draw({n}, 1), on = put(parameters, skip);
      at::Tensor first = put(optimizer.first_moment), second = put(optimizer.second_moment, skip);
      for (int step = 1; step <= 3; ++step) {
        const at::Tensor gradient = draw({n}, static_cast<std::uint64_t>(step + 1)), on_gradient = put(gradient);
        constexpr double kRate = 1e-3;
        optimizer.step(parameters, gradient, kRate);
        adamw_step(
            {on.data_ptr<float>(), first.data_ptr<float>(), second.data_ptr<float>(), on_gradient.data_ptr<float>(), n,
             static_cast<float>(1 - kRate * 0.1), 0.9f, static_cast<float>(1 - 0.9), 0.99f,
             static_cast<float>(1 - 0.99), 1e-8f, static_cast<float>(std::sqrt(1 - std::pow(0.99, step))),
             static_cast<float>(kRate / (1 - std::pow(0.9, step)))},
            queue());
      }
      EXPECT_TRUE(same_bits(on, parameters)) << n;
      EXPECT_TRUE(same_bits(first, optimizer.first_moment)) << n;
      EXPECT_TRUE(same_bits(second, optimizer.second_moment)) << n;
    }
  }
}

HOLDFAST_EVERYWHERE(AdamWKernels);

}  // namespace
}  // namespace holdfast::cuda
