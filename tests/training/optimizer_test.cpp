// AdamW, clipping and schedules against torch and transformers (scripts/golden/optimizer.py).
#include "training/optimizer.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"

namespace holdfast::training {
namespace {

// Held for the whole program: a loop over a part of a temporary would read freed memory.
const nlohmann::json& golden() {
  static const auto values =
      nlohmann::json::parse(read_file(testing::source_directory() / "tests/golden/optimizer.json"));
  return values;
}

at::Tensor vector(const nlohmann::json& values) { return at::tensor(values.get<std::vector<double>>(), at::kDouble); }

void expect_near(const at::Tensor& found, const nlohmann::json& expected, double tolerance) {
  for (std::int64_t i = 0; i < found.numel(); ++i) {
    const double wanted = expected[i].get<double>();
    EXPECT_NEAR(found[i].item<double>(), wanted, tolerance * std::max(1e-12, std::abs(wanted))) << "at " << i;
  }
}

TEST(AdamW, TakesTorchsSteps) {
  ASSERT_EQ(golden()["adamw"].size(), 2);
  for (const auto& test : golden()["adamw"]) {
    AdamWOptions options;
    options.beta1 = test["betas"][0], options.beta2 = test["betas"][1];
    options.eps = test["eps"], options.weight_decay = test["weight_decay"];
    at::Tensor parameters = vector(test["start"]);
    AdamW optimizer(parameters.numel(), at::kDouble, options);
    for (const auto& step : test["steps"]) {
      optimizer.step(parameters, vector(step["gradient"]), step["lr"]);
      expect_near(parameters, step["parameters"], 1e-12);
    }
    EXPECT_EQ(optimizer.num_steps, 12);
  }
}

TEST(AdamW, GoesOnFromItsStateAsIfItHadNotStopped) {
  const auto& test = golden()["adamw"][1];
  AdamWOptions options{test["betas"][0], test["betas"][1], test["eps"], test["weight_decay"]};
  at::Tensor parameters = vector(test["start"]);
  AdamW first(parameters.numel(), at::kDouble, options), second(parameters.numel(), at::kDouble, options);
  for (int i = 0; i < 5; ++i) first.step(parameters, vector(test["steps"][i]["gradient"]), test["steps"][i]["lr"]);
  second.first_moment.copy_(first.first_moment);
  second.second_moment.copy_(first.second_moment);
  second.num_steps = first.num_steps;
  for (int i = 5; i < 12; ++i) second.step(parameters, vector(test["steps"][i]["gradient"]), test["steps"][i]["lr"]);
  expect_near(parameters, test["steps"][11]["parameters"], 1e-12);
}

TEST(ClipGradient, ScalesAsTorchDoesAndReturnsTheNormBefore) {
  ASSERT_EQ(golden()["clip"].size(), 4);
  for (const auto& test : golden()["clip"]) {
    at::Tensor gradient = vector(test["gradient"]);
    EXPECT_NEAR(clip_gradient(gradient, test["max_norm"]), test["norm"].get<double>(), 1e-12);
    expect_near(gradient, test["clipped"], 1e-12);
  }
}

TEST(ClipGradient, LeavesTheGradientAloneWhenTheLimitIsZero) {
  at::Tensor gradient = at::full({4}, 3.0, at::kDouble);
  EXPECT_DOUBLE_EQ(clip_gradient(gradient, 0), 6);
  EXPECT_EQ(gradient.sum().item<double>(), 12);
}

TEST(Schedule, EqualsTransformersAtEveryStep) {
  ASSERT_EQ(golden()["schedules"].size(), 18);
  for (const auto& test : golden()["schedules"]) {
    const auto name = test["schedule"].get<std::string>();
    const std::int64_t warmup = test["warmup_steps"], total = test["total_steps"];
    for (std::int64_t step = 0; step < total; ++step) {
      EXPECT_NEAR(schedule_factor(parse_schedule(name), step, warmup, total), test["factors"][step].get<double>(),
                  1e-14)
          << name << ", step " << step << " of " << total << ", " << warmup << " of warm-up";
    }
  }
}

TEST(Schedule, OfAnUnknownNameIsRefused) { EXPECT_THROW(parse_schedule("polynomial"), Error); }

}  // namespace
}  // namespace holdfast::training
