#include "model/memory_plan.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace holdfast::model {
namespace {

const std::filesystem::path kOrganism = std::filesystem::path(HOLDFAST_SOURCE_DIR) / "assets/organism";

TEST(MemoryPlan, WeighsAModelAsItIsWhenLoaded) {
  for (const Precision precision : {Precision::kNf4, Precision::kBf16, Precision::kFp32}) {
    const Decoder decoder = Decoder::load(kOrganism, precision);
    EXPECT_EQ(memory_plan(decoder.config(), {.precision = precision}).weights, decoder.weight_bytes())
        << precision_name(precision);
  }
}

TEST(MemoryPlan, CountsWhatATrainingStepKeeps) {
  Decoder decoder = Decoder::load(kOrganism, Precision::kFp32);
  TokenBatch batch;
  batch.add(std::vector<std::int32_t>(40, 5));
  batch.add(std::vector<std::int32_t>(24, 7));
  Activations kept;
  decoder.forward(batch, nullptr, nullptr, &kept);
  const auto bytes = [](const at::Tensor& tensor) { return static_cast<std::int64_t>(tensor.nbytes()); };
  std::int64_t total = bytes(kept.last);
  for (const LayerActivations& layer : kept.layers) {
    for (const at::Tensor* tensor : {&layer.x, &layer.q, &layer.k, &layer.v, &layer.y, &layer.gate, &layer.up})
      total += bytes(*tensor);
    total += bytes(layer.attention.out);
    for (const at::Tensor& one : layer.attention.log_sum_exp) total += bytes(one);
  }
  EXPECT_EQ(memory_plan(decoder.config(), {.precision = Precision::kFp32, .tokens = 64}).activations, total);
}

TEST(MemoryPlan, NamesWhatIsInFourBits) {
  for (const CensusRow& row : parameter_census(checkpoint::read_config(kOrganism))) {
    EXPECT_EQ(row.is_quantized, row.name.find("_proj.") != std::string::npos) << row.name;
  }
}

}  // namespace
}  // namespace holdfast::model
