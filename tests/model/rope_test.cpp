#include "model/rope.h"

#include <ATen/ops/allclose.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "shared_data.h"

namespace holdfast::model {
namespace {

// transformers 5.14.1's own values; the reference forms angles in double, so far positions differ by a float's
// rounding.
class Rope : public ::testing::Test {
 protected:
  void expect(const std::string& name, const checkpoint::ModelConfig& config) {
    const auto path = testing::shared_data() / "checkpoints/tiny-llama/expected/rope.safetensors";
    HOLDFAST_NEEDS(path);
    const checkpoint::SafetensorsFile golden(path);
    const at::Tensor inverse = rope_inverse_frequencies(config), expected = golden.tensor(name + ".inv_freq");
    EXPECT_TRUE(at::allclose(inverse, expected, 1e-6, 0)) << name;
    const at::Tensor stored = golden.tensor(name + ".positions").to(at::kLong);
    const std::vector<std::int64_t> positions(stored.const_data_ptr<std::int64_t>(),
                                              stored.const_data_ptr<std::int64_t>() + stored.numel());
    const RopeTable table = rope_table(inverse, positions, at::kFloat);
    const double tolerance = 1e-6 * static_cast<double>(std::max<std::int64_t>(1, positions.back()));
    EXPECT_TRUE(at::allclose(table.cos, golden.tensor(name + ".cos"), 0, tolerance)) << name;
    EXPECT_TRUE(at::allclose(table.sin, golden.tensor(name + ".sin"), 0, tolerance)) << name;
  }
};

TEST_F(Rope, LinearScalingEqualsTransformers) {
  checkpoint::ModelConfig config;
  config.head_dim = 16;
  config.ropes[0].scaling = {.kind = checkpoint::RopeScaling::Kind::kLinear, .factor = 4};
  expect("linear", config);
}

TEST_F(Rope, Llama3ScalingEqualsTransformers) {
  checkpoint::ModelConfig config;
  config.head_dim = 128;
  config.ropes[0].theta = 500000;
  config.ropes[0].scaling = {checkpoint::RopeScaling::Kind::kLlama3, 8, 1, 4, 8192};
  expect("llama3", config);
}

}  // namespace
}  // namespace holdfast::model
