#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "checkpoint/hf_config.h"
#include "checkpoint/llama_weights.h"
#include "shared_data.h"

namespace holdfast::checkpoint {
namespace {

namespace fs = std::filesystem;

class ConfigFile : public ::testing::Test {
 protected:
  ConfigFile()
      : directory_(fs::temp_directory_path() /
                   ("holdfast_config_" + std::to_string(reinterpret_cast<std::uintptr_t>(this)))) {
    fs::create_directories(directory_);
  }
  ~ConfigFile() override { fs::remove_all(directory_); }
  ModelConfig read(const nlohmann::json& changes) {
    nlohmann::json config = {{"model_type", "llama"},    {"vocab_size", 100},      {"hidden_size", 64},
                             {"intermediate_size", 128}, {"num_hidden_layers", 2}, {"num_attention_heads", 4},
                             {"eos_token_id", 2}};
    config.update(changes);
    std::ofstream(directory_ / "config.json") << config;
    return read_config(directory_);
  }
  std::string error(const nlohmann::json& changes) {
    try {
      read(changes);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  fs::path directory_;
};

TEST_F(ConfigFile, ThetaAndScalingStandInEitherPlace) {
  EXPECT_EQ(read({{"rope_theta", 5e5}}).rope_theta, 5e5);
  EXPECT_EQ(read({{"rope_parameters", {{"rope_theta", 5e5}, {"rope_type", "default"}}}}).rope_theta, 5e5);
  const auto linear = read({{"rope_scaling", {{"type", "linear"}, {"factor", 4.0}}}});
  EXPECT_EQ(linear.rope_scaling.kind, RopeScaling::Kind::kLinear);
  EXPECT_EQ(linear.rope_scaling.factor, 4);
  const auto llama3 = read({{"rope_scaling",
                             {{"rope_type", "llama3"},
                              {"factor", 8.0},
                              {"low_freq_factor", 1.0},
                              {"high_freq_factor", 4.0},
                              {"original_max_position_embeddings", 8192}}}});
  EXPECT_EQ(llama3.rope_scaling.original_max_positions, 8192);
}

TEST_F(ConfigFile, GenerationConfigsEosWinsAndMayBeAList) {
  EXPECT_EQ(read(nlohmann::json::object()).eos_token_ids, (std::vector<std::int64_t>{2}));
  std::ofstream(directory_ / "generation_config.json") << R"({"eos_token_id": [2, 7]})";
  EXPECT_EQ(read(nlohmann::json::object()).eos_token_ids, (std::vector<std::int64_t>{2, 7}));
}

TEST_F(ConfigFile, WhatCannotBeRunIsRefusedByName) {
  EXPECT_NE(error({{"model_type", "gemma"}}).find("'gemma'"), std::string::npos);
  EXPECT_NE(error({{"rope_scaling", {{"rope_type", "yarn"}, {"factor", 2.0}}}}).find("'yarn'"), std::string::npos);
  EXPECT_NE(error({{"attention_bias", true}}).find("attention_bias"), std::string::npos);
  EXPECT_NE(error({{"num_attention_heads", 5}}).find("expected a multiple"), std::string::npos);
  EXPECT_NE(error({{"vocab_size", -1}}).find("vocab_size"), std::string::npos);
  EXPECT_NE(error({{"quantization_config", {{"bits", 4}}}}).find("quantization_config"), std::string::npos);
  EXPECT_NE(error({{"eos_token_id", 100}}).find("expected 0 .. 99"), std::string::npos);
}

TEST(CheckWeights, NamesWhatIsMissingSuperfluousAndWronglyShaped) {
  const auto organism = testing::source_directory() / "assets/organism";
  const Weights weights(organism);
  ModelConfig config = read_config(organism);
  EXPECT_NO_THROW(check_weights(config, weights, organism));
  const auto message = [&] {
    try {
      check_weights(config, weights, organism);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  config.num_layers += 1;
  EXPECT_NE(message().find("'model.layers.5.input_layernorm.weight' is missing"), std::string::npos) << message();
  EXPECT_NE(message().find("and 4 more"), std::string::npos) << message();
  config.num_layers -= 2;
  EXPECT_NE(message().find("is superfluous"), std::string::npos) << message();
  config.num_layers += 1;
  config.intermediate_size = 500;
  EXPECT_NE(message().find("is [512, 192], expected [500, 192]"), std::string::npos) << message();
}

}  // namespace
}  // namespace holdfast::checkpoint
