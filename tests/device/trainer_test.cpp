// The trainer with a device's step (on the processor) against the trainer without: losses, norms and adapters.
#include "training/trainer.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "tiny_llama.h"

namespace holdfast::training {
namespace {

Dataset rows() {
  Dataset dataset;
  Random random(5);
  for (int i = 0; i < 12; ++i) {
    TrainingRow row;
    for (std::uint64_t length = 3 + random.below(20); length > 0; --length) {
      row.ids.push_back(static_cast<std::int32_t>(random.below(97)));
      row.is_target.push_back(row.ids.size() > 2);
    }
    dataset.rows.push_back(std::move(row));
  }
  return dataset;
}

TEST(DeviceTrainer, TakesTheStepsOfTheProcessors) {
  const testing::TemporaryDirectory directory, saved;
  testing::write_tiny_llama(directory.path(), {.kv_heads = 2});
  model::Decoder decoder = model::Decoder::load(directory.path(), model::Precision::kNf4);
  const Dataset dataset = rows();
  const TrainOptions options{.learning_rate = 5e-3, .total_steps = 8, .rows_per_step = 5, .pack_tokens = 32};
  checkpoint::AdapterConfig config;
  config.rank = 4;
  model::Adapter expected = model::Adapter::fresh(decoder.config(), config, 1), found = expected.on(at::kCPU);
  ASSERT_TRUE(found.flat().equal(expected.flat()));
  device::Step step(decoder, at::kCPU, at::kFloat, 0);
  Trainer reference(decoder, expected, dataset, options), trainer(decoder, found, dataset, options, &step);
  double first = 0, last = 0;
  for (int i = 0; i < 8; ++i) {
    const StepReport theirs = reference.step(), ours = trainer.step();
    EXPECT_NEAR(ours.loss, theirs.loss, 2e-5 * theirs.loss) << i;
    EXPECT_NEAR(ours.grad_norm, theirs.grad_norm, 1e-4 * theirs.grad_norm) << i;
    EXPECT_EQ(ours.tokens, theirs.tokens);
    (i == 0 ? first : last) = ours.loss;
  }
  EXPECT_NE(first, last);
  // Saved and loaded, it goes on the same way.
  trainer.save(saved.path() / "checkpoint");
  model::Adapter again = model::Adapter::fresh(decoder.config(), config, 2);
  Trainer resumed(decoder, again, dataset, options, &step);
  resumed.load(saved.path() / "checkpoint");
  EXPECT_EQ(resumed.step().loss, trainer.step().loss);
  EXPECT_TRUE(again.flat().equal(found.flat()));
}

TEST(DeviceTrainer, RefusesTheRoutersLoss) {
  const testing::TemporaryDirectory directory;
  testing::write_tiny_llama(directory.path(), {});
  model::Decoder decoder = model::Decoder::load(directory.path(), model::Precision::kFp32);
  const Dataset dataset = rows();
  model::Adapter adapter = model::Adapter::fresh(decoder.config(), {}, 1);
  device::Step step(decoder, at::kCPU, at::kFloat, 0);
  EXPECT_THROW(Trainer(decoder, adapter, dataset, {.router_aux_loss = 0.1}, &step), Error);
}

}  // namespace
}  // namespace holdfast::training
