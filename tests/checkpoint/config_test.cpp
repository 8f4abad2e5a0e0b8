#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "checkpoint/expected_weights.h"
#include "checkpoint/hf_config.h"
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
  EXPECT_EQ(read({{"rope_theta", 5e5}}).ropes[0].theta, 5e5);
  EXPECT_EQ(read({{"rope_parameters", {{"rope_theta", 5e5}, {"rope_type", "default"}}}}).ropes[0].theta, 5e5);
  const auto linear = read({{"rope_scaling", {{"type", "linear"}, {"factor", 4.0}}}});
  EXPECT_EQ(linear.ropes[0].scaling.kind, RopeScaling::Kind::kLinear);
  EXPECT_EQ(linear.ropes[0].scaling.factor, 4);
  const auto llama3 = read({{"rope_scaling",
                             {{"rope_type", "llama3"},
                              {"factor", 8.0},
                              {"low_freq_factor", 1.0},
                              {"high_freq_factor", 4.0},
                              {"original_max_position_embeddings", 8192}}}});
  EXPECT_EQ(llama3.ropes[0].scaling.original_max_positions, 8192);
}

TEST_F(ConfigFile, GenerationConfigsEosWinsAndMayBeAList) {
  EXPECT_EQ(read(nlohmann::json::object()).eos_token_ids, (std::vector<std::int64_t>{2}));
  std::ofstream(directory_ / "generation_config.json") << R"({"eos_token_id": [2, 7]})";
  EXPECT_EQ(read(nlohmann::json::object()).eos_token_ids, (std::vector<std::int64_t>{2, 7}));
}

TEST_F(ConfigFile, WhatCannotBeRunIsRefusedByName) {
  EXPECT_NE(error({{"model_type", "mamba"}}).find("'mamba'"), std::string::npos);
  EXPECT_NE(error({{"rope_scaling", {{"rope_type", "ntk-by-parts"}, {"factor", 2.0}}}}).find("'ntk-by-parts'"),
            std::string::npos);
  EXPECT_NE(error({{"partial_rotary_factor", 0.5}}).find("partial_rotary_factor"), std::string::npos);
  EXPECT_NE(error({{"hidden_act", "relu"}}).find("hidden_act 'relu'"), std::string::npos);
  EXPECT_NE(error({{"pretraining_tp", 2}}).find("pretraining_tp"), std::string::npos);
  EXPECT_NE(error({{"num_attention_heads", 5}}).find("expected a multiple"), std::string::npos);
  EXPECT_NE(error({{"vocab_size", -1}}).find("vocab_size"), std::string::npos);
  EXPECT_NE(error({{"quantization_config", {{"bits", 4}}}}).find("quantization_config"), std::string::npos);
  EXPECT_NE(error({{"eos_token_id", 100}}).find("expected 0 .. 99"), std::string::npos);
}

TEST_F(ConfigFile, WhatAFamilyCannotDoIsRefusedByKeyAndFamily) {
  const auto of = [&](const char* family, nlohmann::json changes) {
    changes["model_type"] = family;
    return error(changes);
  };
  EXPECT_NE(of("gemma2", {{"use_bidirectional_attention", true}}).find("use_bidirectional_attention"),
            std::string::npos);
  EXPECT_NE(of("qwen3", {{"layer_types", {"full_attention", "chunked_attention"}}}).find("\"chunked_attention\""),
            std::string::npos);
  EXPECT_NE(of("qwen3", {{"layer_types", {"full_attention"}}}).find("layer_types"), std::string::npos);
  EXPECT_NE(of("smollm3", {{"no_rope_layers", {1, 0, 1}}}).find("no_rope_layers"), std::string::npos);
  EXPECT_NE(of("olmo2", {{"partial_rotary_factor", 0.5}}).find("'olmo2'"), std::string::npos);
  EXPECT_NE(of("gpt_oss", {{"num_key_value_heads", 2}}).find("rope_scaling"), std::string::npos);
  EXPECT_NE(of("gemma3", nlohmann::json::object()).find("'gemma3'"), std::string::npos);
  const nlohmann::json rope = {{"rope_type", "longrope"}, {"short_factor", {1.0}}, {"long_factor", {1.0}}};
  EXPECT_NE(of("phi3", {{"rope_scaling", rope}}).find("a list of 8 positive numbers"), std::string::npos);
}

// Files of before 2026 put the rotary keys beside the others, newer ones into rope_parameters.
TEST_F(ConfigFile, Gemma3ReadsItsTwoRopesFromOldAndNewFiles) {
  const nlohmann::json old_file = {{"model_type", "gemma3_text"},
                                   {"rope_theta", 5e5},
                                   {"rope_local_base_freq", 2e4},
                                   {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}},
                                   {"sliding_window_pattern", 2}};
  const nlohmann::json new_file = {
      {"model_type", "gemma3_text"},
      {"layer_types", {"sliding_attention", "full_attention"}},
      {"rope_parameters",
       {{"full_attention", {{"rope_type", "linear"}, {"rope_theta", 5e5}, {"factor", 8.0}}},
        {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 2e4}}}}}};
  for (const auto& file : {old_file, new_file}) {
    const ModelConfig config = read(file);
    ASSERT_EQ(config.ropes.size(), 2u);
    EXPECT_EQ(config.ropes[0].theta, 5e5);
    EXPECT_EQ(config.ropes[0].scaling.factor, 8);
    EXPECT_EQ(config.ropes[1].theta, 2e4);
    EXPECT_EQ(config.ropes[1].scaling.kind, RopeScaling::Kind::kNone);
    EXPECT_EQ(config.layer(0).window, 4096);
    EXPECT_EQ(config.layer(0).rope, 1);
    EXPECT_EQ(config.layer(1).window, 0);
    EXPECT_EQ(config.layer(1).rope, 0);
  }
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
