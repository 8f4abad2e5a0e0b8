// What a training step promises, whatever packs its rows run in; and what it leaves when it fails or is resumed.
#include "training/trainer.h"

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>

#include "base/error.h"
#include "golden_checkpoint.h"
#include "model/memory_plan.h"
#include "model/tensor_pool.h"
#include "tiny_llama.h"
#include "training/loss.h"

namespace holdfast::training {
namespace {

Dataset random_rows(std::vector<std::int64_t> lengths) {
  Dataset dataset;
  Random random(11);
  for (const std::int64_t length : lengths) {
    TrainingRow row;
    for (std::int64_t i = 0; i < length; ++i) {
      row.ids.push_back(static_cast<std::int32_t>(random.below(97)));
      row.is_target.push_back(i > length / 3 ? 1 : 0);
    }
    dataset.rows.push_back(std::move(row));
  }
  return dataset;
}

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest()
      : weights_(testing::write_tiny_llama(directory_.path(), {.kv_heads = 2})),
        decoder_(model::Decoder::load(directory_.path(), model::Precision::kFp32, at::kDouble)) {}

  model::Adapter adapter() {
    auto adapter = model::Adapter::fresh(decoder_.config(), {}, 3).to(at::kDouble);
    Random random(4);
    adapter.flat().copy_(testing::random_tensor(adapter.flat().sizes(), random, 0.1, at::kDouble));
    return adapter;
  }
  // The gradient of the first step: AdamW's first moment is a tenth of it.
  at::Tensor saved_moment(const Trainer& trainer, const std::string& name) {
    trainer.save(directory_.path() / name);
    return checkpoint::SafetensorsFile(directory_.path() / name / "optimizer.safetensors")
        .tensor("first_moment")
        .clone();
  }

  testing::TemporaryDirectory directory_;
  std::map<std::string, at::Tensor> weights_;
  model::Decoder decoder_;
};

TEST_F(TrainerTest, LossAndGradientDoNotDependOnThePacks) {
  const Dataset dataset = random_rows({5, 40, 2, 17, 33, 9});
  struct Seen {
    StepReport report;
    at::Tensor moment;
  };
  std::vector<Seen> seen;
  for (const std::int64_t pack_tokens : {1, 20, 50, 10000}) {
    auto own = adapter();
    Trainer trainer(decoder_, own, dataset, {.max_grad_norm = 0, .rows_per_step = 6, .pack_tokens = pack_tokens});
    const StepReport report = trainer.step();
    seen.push_back({report, saved_moment(trainer, "packs_of_" + std::to_string(pack_tokens))});
  }
  const double size = seen[0].moment.abs().max().item<double>();
  ASSERT_GT(size, 0);
  for (const Seen& other : seen) {
    EXPECT_NEAR(other.report.loss, seen[0].report.loss, 1e-12 * seen[0].report.loss);
    EXPECT_NEAR(other.report.grad_norm, seen[0].report.grad_norm, 1e-12 * seen[0].report.grad_norm);
    EXPECT_LE((other.moment - seen[0].moment).abs().max().item<double>(), 1e-12 * size);
    EXPECT_EQ(other.report.tokens, 106);
  }
}

TEST_F(TrainerTest, LossIsTheSumOverRowsAloneByAllTargets) {
  const Dataset dataset = random_rows({5, 40, 2, 17});
  auto own = adapter();
  double sum = 0;
  std::int64_t num_targets = 0;
  for (const TrainingRow& row : dataset.rows) {
    model::TokenBatch batch;
    batch.add(row.ids);
    std::vector<Target> targets;
    for (std::size_t i = 1; i < row.ids.size(); ++i)
      if (row.is_target[i]) targets.push_back({static_cast<std::int64_t>(i) - 1, row.ids[i]});
    sum += cross_entropy(decoder_, decoder_.forward(batch, &own), targets, 1, false).sum;
    num_targets += static_cast<std::int64_t>(targets.size());
  }
  Trainer trainer(decoder_, own, dataset, {.rows_per_step = 4});
  const StepReport report = trainer.step();
  EXPECT_EQ(report.target_tokens, num_targets);
  EXPECT_NEAR(report.loss, sum / static_cast<double>(num_targets), 1e-12 * report.loss);
}

TEST_F(TrainerTest, ARowWithoutTargetsAddsNothingButItsTokens) {
  Dataset with = random_rows({12, 20}), without = with;
  TrainingRow silent = with.rows[0];
  std::fill(silent.is_target.begin(), silent.is_target.end(), 0);
  with.rows.push_back(silent);
  auto own = adapter(), other = adapter();
  Trainer first(decoder_, own, with, {.rows_per_step = 3}), second(decoder_, other, without, {.rows_per_step = 2});
  const StepReport a = first.step(), b = second.step();
  EXPECT_NEAR(a.loss, b.loss, 1e-12 * b.loss);
  EXPECT_NEAR(a.grad_norm, b.grad_norm, 1e-12 * b.grad_norm);
  EXPECT_EQ(a.tokens, b.tokens + 12);
  EXPECT_EQ(a.target_tokens, b.target_tokens);
}

TEST_F(TrainerTest, AFirstTokenIsNoTarget) {
  Dataset with = random_rows({12, 20}), without = with;
  with.rows[0].is_target[0] = 1;
  auto own = adapter(), other = adapter();
  const StepReport a = Trainer(decoder_, own, with, {.rows_per_step = 2}).step(),
                   b = Trainer(decoder_, other, without, {.rows_per_step = 2}).step();
  EXPECT_EQ(a.target_tokens, b.target_tokens);
  EXPECT_EQ(a.loss, b.loss);
}

TEST_F(TrainerTest, ALossThatIsNotFiniteLeavesAdapterAndPlaceInTheData) {
  const Dataset dataset = random_rows({5, 40, 2, 17, 33, 9, 8});
  auto own = adapter(), undisturbed = adapter();
  const TrainOptions options{.rows_per_step = 3};
  Trainer trainer(decoder_, own, dataset, options), other(decoder_, undisturbed, dataset, options);
  trainer.step(), other.step();
  const at::Tensor good = own.flat().clone();
  own.flat().fill_(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THROW(trainer.step(), Error);
  EXPECT_TRUE(own.flat().isnan().all().item<bool>());
  EXPECT_EQ(trainer.num_steps(), 1);
  own.flat().copy_(good);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(trainer.step().loss, other.step().loss);
  EXPECT_TRUE(at::equal(own.flat(), undisturbed.flat()));
}

TEST_F(TrainerTest, ResumedGivesTheBitsOfAnUnbrokenRun) {
  const Dataset dataset = random_rows({5, 40, 2, 17, 33, 9, 8});
  const TrainOptions options{.schedule = Schedule::kCosine,
                             .warmup_steps = 2,
                             .total_steps = 9,
                             .adamw = {.weight_decay = 0.1},
                             .rows_per_step = 3};
  auto whole = adapter(), first = adapter(), second = adapter();
  Trainer unbroken(decoder_, whole, dataset, options);
  Trainer before(decoder_, first, dataset, options);
  std::vector<StepReport> expected;
  for (int i = 0; i < 9; ++i) expected.push_back(unbroken.step());
  for (int i = 0; i < 4; ++i) before.step();
  before.save(directory_.path() / "checkpoint-4");
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "checkpoint-4.part"));
  second.flat().zero_();
  Trainer after(decoder_, second, dataset, options);
  after.load(directory_.path() / "checkpoint-4");
  EXPECT_EQ(after.num_steps(), 4);
  for (int i = 4; i < 9; ++i) {
    const StepReport report = after.step();
    EXPECT_EQ(report.step, expected[i].step);
    EXPECT_EQ(report.loss, expected[i].loss);
    EXPECT_EQ(report.learning_rate, expected[i].learning_rate);
  }
  EXPECT_TRUE(at::equal(whole.flat(), second.flat()));
}

TEST_F(TrainerTest, AStateOfAnotherAdapterIsRefused) {
  const Dataset dataset = random_rows({5});
  auto own = adapter();
  checkpoint::AdapterConfig config;
  config.rank = 3;
  auto other = model::Adapter::fresh(decoder_.config(), config, 1).to(at::kDouble);
  Trainer(decoder_, own, dataset, {}).save(directory_.path() / "state");
  Trainer trainer(decoder_, other, dataset, {});
  const at::Tensor before = other.flat().clone();
  EXPECT_THROW(trainer.load(directory_.path() / "state"), Error);
  EXPECT_TRUE(at::equal(before, other.flat()));
}

// Different rows, ranks, packs and rates; the second run ends a step with more packs than the others.
TEST(TrainersTogether, GiveTheBitsOfEachRunAlone) {
  const testing::TemporaryDirectory directory;
  testing::write_tiny_llama(directory.path(), {.kv_heads = 2});
  for (const model::Precision precision : {model::Precision::kFp32, model::Precision::kNf4}) {
    auto decoder = model::Decoder::load(directory.path(), precision);
    const Dataset datasets[] = {random_rows({5, 40, 2, 17, 33, 9}), random_rows({30, 31, 29, 7, 45}),
                                random_rows({3, 4})};
    const TrainOptions options[] = {{.learning_rate = 1e-3, .rows_per_step = 3, .pack_tokens = 50, .seed = 1},
                                    {.learning_rate = 3e-3, .rows_per_step = 4, .pack_tokens = 64, .seed = 2},
                                    {.schedule = Schedule::kLinear, .total_steps = 9, .rows_per_step = 2, .seed = 3}};
    const auto adapter_of = [&](std::size_t run) {
      checkpoint::AdapterConfig config;
      config.rank = static_cast<std::int64_t>(2 + 3 * run);
      return model::Adapter::fresh(decoder.config(), config, run);
    };
    std::vector<model::Adapter> together, alone;
    for (std::size_t run = 0; run < 3; ++run) together.push_back(adapter_of(run)), alone.push_back(adapter_of(run));
    std::vector<std::unique_ptr<Trainer>> trainers;
    std::vector<Trainer*> all;
    for (std::size_t run = 0; run < 3; ++run) {
      trainers.push_back(std::make_unique<Trainer>(decoder, together[run], datasets[run], options[run]));
      all.push_back(trainers.back().get());
    }
    std::vector<std::vector<StepReport>> reports;
    for (int step = 0; step < 4; ++step) reports.push_back(Trainer::step_together(all));
    for (std::size_t run = 0; run < 3; ++run) {
      Trainer trainer(decoder, alone[run], datasets[run], options[run]);
      for (std::size_t step = 0; step < 4; ++step) {
        const StepReport expected = trainer.step();
        EXPECT_EQ(reports[step][run].loss, expected.loss) << "run " << run << ", step " << step + 1;
        EXPECT_EQ(reports[step][run].grad_norm, expected.grad_norm);
        EXPECT_EQ(reports[step][run].tokens, expected.tokens);
      }
      EXPECT_TRUE(at::equal(together[run].flat(), alone[run].flat())) << "run " << run;
      EXPECT_FALSE(at::equal(together[run].flat(), adapter_of(run).flat()));
    }
  }
}

TEST(TrainersTogether, TakeTheirStepsWhereOneDiverges) {
  const testing::TemporaryDirectory directory;
  testing::write_tiny_llama(directory.path(), {.kv_heads = 2});
  auto decoder = model::Decoder::load(directory.path(), model::Precision::kFp32);
  const Dataset dataset = random_rows({5, 40, 2});
  auto good = model::Adapter::fresh(decoder.config(), {}, 1), bad = model::Adapter::fresh(decoder.config(), {}, 2);
  Trainer first(decoder, good, dataset, {.rows_per_step = 2}), second(decoder, bad, dataset, {.rows_per_step = 2});
  bad.flat().fill_(std::numeric_limits<float>::quiet_NaN());
  Trainer* const both[] = {&first, &second};
  const auto reports = Trainer::step_together(both);
  EXPECT_FALSE(reports[0].has_diverged());
  EXPECT_TRUE(reports[1].has_diverged());
  EXPECT_EQ(first.num_steps(), 1);
  EXPECT_EQ(second.num_steps(), 0);
  EXPECT_THROW(second.step(), Error);
  auto other = model::Adapter::fresh(decoder.config(), {}, 1);
  Trainer undisturbed(decoder, other, dataset, {.rows_per_step = 2});
  EXPECT_EQ(reports[0].loss, undisturbed.step().loss);
  EXPECT_TRUE(at::equal(good.flat(), other.flat()));
  EXPECT_EQ(first.step().loss, undisturbed.step().loss);
}

// A dense model and one with experts, whose auxiliary loss needs the routing of layers that are run again.
TEST(Activations, KeptRecomputedAndOffloadedGiveTheSameBits) {
  for (const std::string family : {"llama", "gemma2", "qwen3", "mixtral"}) {
    const testing::GoldenCheckpoint golden(family);
    auto decoder = model::Decoder::load(golden.directory(), model::Precision::kNf4);
    Dataset dataset;
    for (const std::int64_t i : {0, 1}) {
      TrainingRow row{golden.document(i), {}};
      row.is_target.assign(row.ids.size(), 1);
      dataset.rows.push_back(row);
    }
    TrainOptions options{.rows_per_step = 2};
    if (family == "mixtral") options.router_aux_loss = 0.5;
    const auto run = [&](ActivationChoice choice, std::int64_t bytes) {
      auto adapter = model::Adapter::fresh(decoder.config(), {}, 3);
      options.activations = choice;
      options.activation_bytes = bytes;
      Trainer trainer(decoder, adapter, dataset, options);
      for (int i = 0; i < 2; ++i) trainer.step();
      return adapter.flat().clone();
    };
    const at::Tensor expected = run(ActivationChoice::kKeep, 0);
    EXPECT_TRUE(run(ActivationChoice::kRecompute, 0).equal(expected)) << family;
    EXPECT_TRUE(run(ActivationChoice::kOffload, 0).equal(expected)) << family;
    EXPECT_TRUE(run(ActivationChoice::kAuto, 30000).equal(expected)) << family << ", some layers recomputed";
  }
}

TEST(SteadyStep, AsksTheSystemForNoMemory) {
  model::keep_freed_tensors();
  const std::filesystem::path organism = testing::source_directory() / "assets/organism";
  auto decoder = model::Decoder::load(organism, model::Precision::kNf4);
  const Dataset dataset = random_rows({150, 150});
  auto adapter = model::Adapter::fresh(decoder.config(), {}, 3);
  Trainer trainer(decoder, adapter, dataset, {.rows_per_step = 2});
  trainer.step(), trainer.step();
  const std::int64_t fresh = model::tensor_pool_use().fresh;
  EXPECT_GT(fresh, 0);
  for (int i = 0; i < 3; ++i) trainer.step();
  EXPECT_EQ(model::tensor_pool_use().fresh, fresh);
}

TEST(Activations, AreKeptAsFarAsTheBudgetGoes) {
  const testing::GoldenCheckpoint golden("llama");
  const auto config = checkpoint::read_config(golden.directory());
  const std::int64_t all = 4 * 100 * model::token_widths(config).kept;
  const auto kept = [&](std::int64_t bytes) {
    const auto plan = model::plan_keeping(config, 100, bytes, model::Keeping::kRecompute);
    return std::count(plan.begin(), plan.end(), model::Keeping::kKeep);
  };
  EXPECT_EQ(kept(all), config.num_layers);
  EXPECT_EQ(kept(0), 0);
  EXPECT_EQ(kept(all - 1), config.num_layers - 1);
}

TEST(Activations, NeedAPlaceToBeOffloadedTo) {
  EXPECT_THROW(model::ActivationFile("/nowhere/at/all"), Error);
  EXPECT_THROW(parse_activations("forget"), Error);
}

}  // namespace
}  // namespace holdfast::training
