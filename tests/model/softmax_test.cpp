// exp, sigmoid, tanh and sums of exponentials against double, and their bits against place and length.
#include "model/softmax.h"

#include <ATen/Parallel.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/softmax.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "model/elementary.h"

namespace holdfast::model {
namespace {

// The largest relative error of `ours` over the floats of a range that a step passes.
template <typename Ours, typename Exact>
double worst(double from, double to, double step, const Ours& ours, const Exact& exact) {
  double worst = 0;
  for (double x = from; x < to; x += step) {
    const auto rounded = static_cast<float>(x);
    const double expected = exact(static_cast<double>(rounded));
    worst = std::max(worst, std::abs(static_cast<double>(ours(rounded)) - expected) / std::abs(expected));
  }
  return worst;
}

TEST(Elementary, FunctionsAreWithinAFewUnitsInTheLastPlace) {
  EXPECT_LT(worst(-86.9, 88, 1.37e-3, exp_of, [](double x) { return std::exp(x); }), 1.2e-7);
  EXPECT_LT(worst(-80, 88, 1.37e-3, sigmoid_of, [](double x) { return 1 / (1 + std::exp(-x)); }), 1.8e-7);
  EXPECT_LT(worst(-12, 12, 1.37e-4, tanh_of, [](double x) { return std::tanh(x); }), 1.8e-7);
  EXPECT_LT(worst(1e-6, 0.7, 1.37e-5, tanh_of, [](double x) { return std::tanh(x); }), 1.8e-7);
}

TEST(Elementary, FunctionsHoldAtTheirEnds) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(exp_of(0), 1);
  EXPECT_EQ(exp_of(-kInfinity), 0);
  EXPECT_EQ(exp_of(-100), 0);
  EXPECT_TRUE(std::isnan(exp_of(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_EQ(sigmoid_of(kInfinity), 1);
  EXPECT_NEAR(sigmoid_of(-kInfinity), 0, 1e-37);
  EXPECT_EQ(tanh_of(kInfinity), 1);
  EXPECT_EQ(tanh_of(-kInfinity), -1);
  EXPECT_EQ(tanh_of(0), 0);
}

TEST(Softmax, AgreesWithDouble) {
  for (const std::int64_t v : {1, 15, 16, 17, 4096, 49153}) {
    at::Tensor logits = at::randn({3, v}).mul_(8);
    const at::Tensor exact = logits.to(at::kDouble);
    at::Tensor probabilities = logits.clone();
    const at::Tensor sums = softmax_rows(probabilities);
    EXPECT_LT(sums.sub(at::logsumexp(exact, 1)).abs().max().item<double>(), 2e-6) << v;
    EXPECT_LT(probabilities.to(at::kDouble).sub(at::softmax(exact, 1)).abs().max().item<double>(), 1e-6) << v;
    for (std::int64_t row = 0; row < 3; ++row)
      EXPECT_EQ(log_sum_exp(logits.const_data_ptr<float>() + row * v, v), sums[row].item<double>());
  }
}

TEST(Softmax, OfARowDoesNotDependOnItsPlaceNorOnThreads) {
  const at::Tensor logits = at::randn({5, 1001});
  at::Tensor together = logits.clone();
  softmax_rows(together);
  const int threads = at::get_num_threads();
  for (const int count : {1, 3}) {
    at::set_num_threads(count);
    for (std::int64_t row = 0; row < 5; ++row) {
      at::Tensor alone = logits.narrow(0, row, 1).clone();
      softmax_rows(alone);
      EXPECT_TRUE(alone.equal(together.narrow(0, row, 1)));
    }
  }
  at::set_num_threads(threads);
}

}  // namespace
}  // namespace holdfast::model
