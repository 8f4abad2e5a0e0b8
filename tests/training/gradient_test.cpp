// The hand-written backward pass against central differences in double, parameter by parameter, on a packed batch of
// two rows.
#include <ATen/ops/randn_like.h>
#include <gtest/gtest.h>

#include "model/decoder.h"
#include "shared_data.h"
#include "training/loss.h"
#include "training/optimizer.h"

namespace holdfast::training {
namespace {

TEST(Backward, EqualsCentralDifferencesInDouble) {
  const auto path = testing::source_directory() / "assets/organism";
  model::Decoder decoder = model::Decoder::load(path, model::Precision::kFp32, at::kDouble);
  checkpoint::AdapterConfig config;
  config.rank = 2;
  model::Adapter adapter = model::Adapter::fresh(decoder.config(), config, 3).to(at::kDouble);
  adapter.flat().add_(at::randn_like(adapter.flat()), 0.05);  // B must not be zero
  model::TokenBatch batch;
  batch.add(std::vector<std::int32_t>{5, 200, 31, 77, 1000, 4});
  batch.add(std::vector<std::int32_t>{9, 8, 700, 6});
  const std::vector<Target> targets = {{0, 200}, {2, 77}, {4, 4}, {6, 8}, {8, 6}};
  const auto loss = [&](model::Activations* kept) {
    return cross_entropy(decoder, decoder.forward(batch, &adapter, nullptr, kept), targets, 1.0, kept != nullptr);
  };
  model::Activations kept;
  model::Adapter gradient = adapter.zeros_like();
  decoder.backward(loss(&kept).dhidden, batch, adapter, kept, gradient);
  Random random(1);
  double* p = adapter.flat().data_ptr<double>();
  const double norm = gradient.flat().norm().item<double>() / std::sqrt(static_cast<double>(gradient.flat().numel()));
  for (int i = 0; i < 60; ++i) {
    const auto place = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(gradient.flat().numel())));
    const double old = p[place], h = 1e-5;
    p[place] = old + h;
    const double up = loss(nullptr).sum;
    p[place] = old - h;
    const double down = loss(nullptr).sum;
    p[place] = old;
    EXPECT_NEAR(gradient.flat().data_ptr<double>()[place], (up - down) / (2 * h), 1e-6 * norm) << "parameter " << place;
  }
}

TEST(Backward, IsTheSameForAPackAndForItsRowsAlone) {
  const auto path = testing::source_directory() / "assets/organism";
  model::Decoder decoder = model::Decoder::load(path, model::Precision::kNf4, at::kDouble);
  model::TokenBatch both, first, second;
  const std::vector<std::int32_t> a = {5, 200, 31, 77}, b = {9, 8, 700, 6, 11};
  both.add(a), both.add(b), first.add(a), second.add(b);
  const at::Tensor packed = decoder.forward(both);
  EXPECT_LT(packed.narrow(0, 0, 4).sub(decoder.forward(first)).abs().max().item<double>(), 1e-12);
  EXPECT_LT(packed.narrow(0, 4, 5).sub(decoder.forward(second)).abs().max().item<double>(), 1e-12);
}

// transformers 5.23: get_linear_schedule_with_warmup and get_cosine_schedule_with_warmup, 2 of 10 steps of warm-up.
TEST(Schedule, EqualsTransformers) {
  EXPECT_EQ(schedule_factor(Schedule::kLinear, 0, 2, 10), 0);
  EXPECT_EQ(schedule_factor(Schedule::kLinear, 1, 2, 10), 0.5);
  EXPECT_EQ(schedule_factor(Schedule::kLinear, 6, 2, 10), 0.5);
  EXPECT_NEAR(schedule_factor(Schedule::kCosine, 4, 2, 10), 0.8535533905932737, 1e-12);
  EXPECT_EQ(schedule_factor(Schedule::kConstant, 9, 2, 10), 1);
}

}  // namespace
}  // namespace holdfast::training
