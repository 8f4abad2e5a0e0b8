// The device's training step, run on the processor, against the decoder's: same loss, same adapter gradients.
#include "device/step.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn_like.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "golden_checkpoint.h"
#include "tiny_llama.h"
#include "training/loss.h"

namespace holdfast::device {
namespace {

struct Result {
  double loss;
  at::Tensor gradient;  // flat
};

Targets targets_of(const model::TokenBatch& batch) {
  Targets targets;
  for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
    for (std::int64_t row = batch.starts[i]; row + 1 < batch.starts[i + 1]; ++row) {
      if (row % 5 == 3) continue;
      targets.rows.push_back(row);
      targets.tokens.push_back(batch.tokens[static_cast<std::size_t>(row) + 1]);
    }
  }
  return targets;
}

constexpr double kScale = 0.125;

Result of_decoder(model::Decoder& decoder, const model::TokenBatch& batch, const model::Adapter& adapter) {
  const Targets targets = targets_of(batch);
  std::vector<training::Target> list;
  for (std::size_t i = 0; i < targets.rows.size(); ++i) list.push_back({targets.rows[i], targets.tokens[i]});
  model::Activations kept;
  model::Adapter gradient = adapter.zeros_like();
  const at::Tensor hidden = decoder.forward(batch, &adapter, nullptr, &kept);
  const training::LossResult loss = training::cross_entropy(decoder, hidden, list, kScale, true);
  decoder.backward(loss.dhidden, batch, adapter, kept, gradient);
  return {loss.sum, gradient.flat()};
}

Result of_device(Step& step, const model::TokenBatch& batch, const model::Adapter& adapter) {
  model::Adapter gradient = adapter.zeros_like();
  const double loss = step.run(batch, targets_of(batch), kScale, adapter, gradient).item<double>();
  return {loss, gradient.flat()};
}

model::Adapter adapter_of(const model::Decoder& decoder, std::vector<std::string> targets = {"all-linear"}) {
  checkpoint::AdapterConfig config;
  config.rank = 3;
  config.target_modules = std::move(targets);
  model::Adapter adapter = model::Adapter::fresh(decoder.config(), config, 3);
  Random random(4);
  adapter.flat().add_(testing::random_tensor(adapter.flat().sizes(), random, 0.05, at::kFloat));  // B must not be zero
  return adapter;
}

// The distance of two gradients, as a share of the size of the expected one.
double distance(const at::Tensor& found, const at::Tensor& expected) {
  return (found - expected).norm().item<double>() / expected.norm().item<double>();
}

struct Family {
  const char* name;
  double tolerance;  // of the gradient in bf16; what is compared is float
};

class FamilyStep : public ::testing::TestWithParam<Family> {
 protected:
  testing::GoldenCheckpoint golden_{GetParam().name};
};

TEST_P(FamilyStep, GivesTheDecodersLossAndGradientsInFloat) {
  for (const model::Precision precision : {model::Precision::kFp32, model::Precision::kNf4}) {
    model::Decoder decoder = model::Decoder::load(golden_.directory(), precision);
    const model::Adapter adapter = adapter_of(decoder);
    Step step(decoder, at::kCPU, at::kFloat, 0);
    const Result ours = of_device(step, golden_.batch(), adapter),
                 expected = of_decoder(decoder, golden_.batch(), adapter);
    EXPECT_NEAR(ours.loss, expected.loss, 2e-6 * expected.loss);
    EXPECT_LT(distance(ours.gradient, expected.gradient), 5e-6) << model::precision_name(precision);
  }
}

TEST_P(FamilyStep, StaysNearTheDecodersInBf16) {
  model::Decoder decoder = model::Decoder::load(golden_.directory(), model::Precision::kNf4);
  const model::Adapter adapter = adapter_of(decoder);
  Step step(decoder, at::kCPU, at::kBFloat16, 0);
  const Result ours = of_device(step, golden_.batch(), adapter),
               expected = of_decoder(decoder, golden_.batch(), adapter);
  EXPECT_NEAR(ours.loss, expected.loss, 5e-3 * expected.loss);
  EXPECT_LT(distance(ours.gradient, expected.gradient), GetParam().tolerance);
}

// bfloat16 has 8 bits, and these models are a few numbers wide, so that little averages out.  Among them: windows
// (mistral, qwen2), biases (qwen2), gelu and a scaled embedding (gemma), experts (mixtral), layers that do not turn
// (smollm3), fused projections (phi3).
INSTANTIATE_TEST_SUITE_P(Families, FamilyStep,
                         ::testing::Values(Family{"llama", 0.04}, Family{"mistral", 0.04}, Family{"qwen2", 0.04},
                                           Family{"gemma", 0.04}, Family{"mixtral", 0.08}, Family{"smollm3", 0.04},
                                           Family{"phi3", 0.15}),
                         [](const auto& info) { return std::string(info.param.name); });

class Widths : public ::testing::Test {
 protected:
  Widths() { testing::write_tiny_llama(directory_.path(), {.layers = 4, .kv_heads = 2}); }
  static model::TokenBatch batch() {
    model::TokenBatch batch;
    Random random(9);
    for (const std::size_t length : {5, 1, 30, 17}) {
      std::vector<std::int32_t> ids(length);
      for (auto& id : ids) id = static_cast<std::int32_t>(random.below(97));
      batch.add(ids);
    }
    return batch;
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(Widths, KeepingLayersWidenedChangesNoBit) {
  model::Decoder decoder = model::Decoder::load(directory_.path(), model::Precision::kNf4);
  ASSERT_TRUE(decoder.layers()[0][Projection::kQuery].nf4_weight().in_panels);  // the device takes them back into rows
  const model::Adapter adapter = adapter_of(decoder);
  const std::int64_t layer_bytes = 4 * (64 * (64 + 2 * 32 + 64) + 3 * 64 * 96);
  std::optional<Result> first;
  for (const std::int64_t kept : {0, 1, 3, 4}) {
    Step step(decoder, at::kCPU, at::kFloat, kept * layer_bytes);
    EXPECT_EQ(step.num_kept_layers(), kept);
    for (int again = 0; again < 2; ++again) {
      const Result result = of_device(step, batch(), adapter);
      if (!first) first = result;
      EXPECT_EQ(result.loss, first->loss) << kept;
      EXPECT_TRUE(result.gradient.equal(first->gradient)) << kept;
    }
  }
  const Result expected = of_decoder(decoder, batch(), adapter);
  EXPECT_NEAR(first->loss, expected.loss, 2e-6 * expected.loss);
  EXPECT_LT(distance(first->gradient, expected.gradient), 5e-6);
}

TEST_F(Widths, GradientsAddUpOverPacksAndFollowTheAdapter) {
  model::Decoder decoder = model::Decoder::load(directory_.path(), model::Precision::kNf4);
  model::Adapter adapter = adapter_of(decoder, {"q_proj", "v_proj", "down_proj"});
  Step step(decoder, at::kCPU, at::kFloat, 0);
  const Result before = of_device(step, batch(), adapter);
  model::Adapter gradient = adapter.zeros_like();
  step.run(batch(), targets_of(batch()), kScale, adapter, gradient);
  step.run(batch(), targets_of(batch()), kScale, adapter, gradient);
  EXPECT_LT(distance(gradient.flat(), 2 * before.gradient), 1e-6);
  adapter.flat().mul_(0.5);
  const Result after = of_device(step, batch(), adapter), expected = of_decoder(decoder, batch(), adapter);
  EXPECT_NE(after.loss, before.loss);
  EXPECT_NEAR(after.loss, expected.loss, 2e-6 * expected.loss);
  EXPECT_LT(distance(after.gradient, expected.gradient), 5e-6);
}

TEST_F(Widths, CodesComeBackFromPanelsAsTheyWere) {
  for (const std::int64_t rows : {1, 31, 32, 33, 64, 97}) {
    Random random(7);
    const quant::Nf4Weight weight = quant::quantize_nf4(testing::random_tensor({rows, 128}, random, 1, at::kFloat));
    quant::Nf4Weight in_panels = weight;
    quant::put_in_panels(in_panels);
    EXPECT_TRUE(in_panels.in_panels);
    EXPECT_TRUE(codes_in_rows(in_panels).equal(weight.codes)) << rows;
  }
}

TEST(DeviceStep, RefusesModelsThatItDoesNotKnow) {
  for (const char* family : {"gemma2", "qwen3", "gpt_oss", "olmo2"}) {
    const testing::GoldenCheckpoint golden(family);
    const model::Decoder decoder = model::Decoder::load(golden.directory(), model::Precision::kFp32);
    try {
      Step step(decoder, at::kCPU, at::kFloat, 0);
      FAIL() << family;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("try --device cpu"), std::string::npos) << error.what();
    }
  }
}

TEST(DeviceNames, AreCheckedByWhatTheProgramHas) {
  EXPECT_TRUE(parse_device("cpu").is_cpu());
  for (const char* word : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:999"})
    EXPECT_THROW(parse_device(word), Error) << word;
  if (cuda::num_devices() > 0) {
    EXPECT_EQ(parse_device("cuda:0"), at::Device(at::kCUDA, 0));
    return;
  }
  try {
    parse_device("cuda");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("[device] found "), 0u) << error.what();
    EXPECT_NE(std::string(error.what()).find("expected "), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace holdfast::device
