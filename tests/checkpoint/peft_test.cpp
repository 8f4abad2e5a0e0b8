#include "checkpoint/peft.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/random.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/temporary_directory.h"
#include "shared_data.h"

namespace holdfast::checkpoint {
namespace {

using nlohmann::ordered_json;
using testing::error_of;

constexpr const char* kQuery = "model.layers.3.self_attn.q_proj";
constexpr const char* kDown = "model.layers.3.mlp.down_proj";

class Adapter : public ::testing::Test {
 protected:
  AdapterConfig read(const ordered_json& changes) {
    ordered_json config = {
        {"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 16}, {"target_modules", {"q_proj", "down_proj"}}};
    config.update(changes);
    directory_.write("adapter_config.json", config.dump());
    return read_adapter_config(directory_.path());
  }
  std::string error(const ordered_json& changes) {
    return error_of([&] { read(changes); });
  }
  std::string weights_error(const std::vector<std::pair<std::string, at::Tensor>>& tensors) {
    write_safetensors(directory_.path() / "adapter_model.safetensors", tensors);
    return error_of([&] { read_adapter_weights(directory_.path()); });
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(Adapter, ListNamesWholeModulesAtTheEndOfAPath) {
  const AdapterConfig config = read(ordered_json::object());
  EXPECT_TRUE(config.targets(kQuery));
  EXPECT_TRUE(config.targets("q_proj"));
  EXPECT_FALSE(config.targets("model.layers.3.self_attn.my_q_proj"));
  EXPECT_FALSE(config.targets("model.layers.3.self_attn.k_proj"));
}

TEST_F(Adapter, TextIsARegularExpressionOfTheWholePath) {
  const AdapterConfig config = read({{"target_modules", R"(.*\.(layers|blocks)\.[0-3]\..*(q|v)_proj)"}});
  EXPECT_TRUE(config.targets(kQuery));
  EXPECT_FALSE(config.targets("model.layers.4.self_attn.q_proj"));
  EXPECT_FALSE(config.targets("model.layers.3.self_attn.q_proj.more"));
  EXPECT_TRUE(read({{"target_modules", "all-linear"}}).targets(kDown));
}

TEST_F(Adapter, PatternsOverrideRankAndAlphaAndTheFirstMatchCounts) {
  const AdapterConfig config = read({{"rank_pattern", {{"q_proj", 8}, {"layers\\.3\\..*", 2}}},
                                     {"alpha_pattern", {{"layers\\.3\\.mlp\\.down_proj", 32}}}});
  EXPECT_EQ(config.rank_of(kQuery), 8);
  EXPECT_EQ(config.rank_of(kDown), 2);
  EXPECT_EQ(config.rank_of("model.layers.4.mlp.down_proj"), 4);
  EXPECT_EQ(config.scale_of(kQuery), 16.0 / 8);
  EXPECT_EQ(config.scale_of(kDown), 32.0 / 2);
  const AdapterConfig turned = read({{"rank_pattern", {{"layers\\.3\\..*", 2}, {"q_proj", 8}}}});
  EXPECT_EQ(turned.rank_of(kQuery), 2);
}

TEST_F(Adapter, RsloraDividesByTheRootOfTheRank) {
  EXPECT_DOUBLE_EQ(read({{"use_rslora", true}}).scale_of(kQuery), 16 / std::sqrt(4.0));
}

TEST_F(Adapter, WhatCannotBeRunExactlyIsRefusedByItsName) {
  const std::pair<const char*, ordered_json> cases[] = {{"use_dora", true},
                                                        {"bias", "all"},
                                                        {"fan_in_fan_out", true},
                                                        {"modules_to_save", {"lm_head"}},
                                                        {"layers_to_transform", {1, 2}},
                                                        {"exclude_modules", "lm_head"},
                                                        {"trainable_token_indices", {5}},
                                                        {"layer_replication", {{0, 4}}},
                                                        {"peft_type", "IA3"},
                                                        {"r", 0},
                                                        {"r", -3},
                                                        {"r", 2.5},
                                                        {"r", 1e9},
                                                        {"r", "8"},
                                                        {"lora_alpha", nullptr},
                                                        {"lora_alpha", "x"},
                                                        {"use_rslora", "yes"},
                                                        {"target_modules", nullptr},
                                                        {"target_modules", {1, 2}},
                                                        {"rank_pattern", {1, 2}},
                                                        {"rank_pattern", {{"q_proj", 1.5}}},
                                                        {"rank_pattern", {{"q_proj", 4294967296}}},
                                                        {"alpha_pattern", {{"q_proj", -1}}}};
  for (const auto& [key, value] : cases) {
    const std::string message = error({{key, value}});
    EXPECT_NE(message.find(key), std::string::npos) << key << " = " << value << ": " << message;
    EXPECT_NE(message.find("expected"), std::string::npos) << message;
  }
  EXPECT_EQ(error({{"use_dora", false}, {"modules_to_save", nullptr}, {"layer_replication", ordered_json::array()}}),
            "no error");
}

TEST_F(Adapter, PatternsThatNoMatcherSurvivesAreRefusedOrEndSoon) {
  const std::string deep = std::string(100'000, '(') + "q" + std::string(100'000, ')');
  EXPECT_NE(error_of([&] { read({{"target_modules", deep}}).targets(kQuery); }).find("brackets"), std::string::npos);
  EXPECT_NE(error_of([&] {
              read({{"target_modules", "(q_proj"}}).targets(kQuery);
            }).find("regular expression"),
            std::string::npos);
  EXPECT_FALSE(read({{"target_modules", "(a*)*(b*)*(.*)*(.*)*!"}}).targets(std::string(60, 'a')));
}

TEST_F(Adapter, RealConfigsOfPeftAreReadOrRefused) {
  const auto folder = testing::shared_data() / "adapters";
  HOLDFAST_NEEDS(folder);
  int num_read = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto json = ordered_json::parse(read_file(entry.path()));
    directory_.write("adapter_config.json", json.dump());
    const std::string message = error_of([&] { read_adapter_config(directory_.path()); });
    if (json.value("use_dora", false)) {
      EXPECT_NE(message.find("use_dora"), std::string::npos) << entry.path() << message;
    } else if (message == "no error") {
      EXPECT_EQ(read_adapter_config(directory_.path()).rank, json["r"].get<std::int64_t>()) << entry.path();
      ++num_read;
    }
  }
  EXPECT_GT(num_read, 0);
}

TEST_F(Adapter, WhatIsWrittenIsRead) {
  AdapterConfig config;
  config.rank = 2;
  config.alpha = 3.5;
  config.use_rslora = true;
  config.target_modules = {"q_proj", "down_proj"};
  config.rank_pattern = {{"q_proj", 1}, {"a", 5}};
  config.alpha_pattern = {{"q_proj", 0.5}};
  config.base_model = "somewhere";
  const at::Tensor a = at::ones({1, 6}) * 0.25, b = at::ones({4, 1}) * -2;
  write_adapter(directory_.path(), config, {{kQuery, {a, b}}});
  const AdapterConfig back = read_adapter_config(directory_.path());
  EXPECT_EQ(back.rank, 2);
  EXPECT_EQ(back.alpha, 3.5);
  EXPECT_TRUE(back.use_rslora);
  EXPECT_EQ(back.target_modules, config.target_modules);
  EXPECT_EQ(back.rank_pattern, config.rank_pattern);
  EXPECT_EQ(back.alpha_pattern, config.alpha_pattern);
  EXPECT_EQ(back.base_model, "somewhere");
  const auto weights = read_adapter_weights(directory_.path());
  ASSERT_EQ(weights.size(), 1u);
  EXPECT_TRUE(weights.at(kQuery).a.equal(a));
  EXPECT_TRUE(weights.at(kQuery).b.equal(b));
}

TEST_F(Adapter, WeightsThatAreNoPairsOfMatricesAreRefusedByName) {
  const std::string q = std::string("base_model.model.") + kQuery;
  const at::Tensor a = at::ones({2, 6}), b = at::ones({4, 2});
  EXPECT_EQ(weights_error({{q + ".lora_A.weight", a}, {q + ".lora_B.weight", b}}), "no error");
  EXPECT_NE(weights_error({{q + ".lora_A.weight", a}}).find("only one"), std::string::npos);
  EXPECT_NE(weights_error({{q + ".lora_A.weight", a}, {q + ".lora_B.weight", at::ones({4, 3})}}).find("rank"),
            std::string::npos);
  EXPECT_NE(weights_error({{q + ".lora_A.weight", at::ones({12})}, {q + ".lora_B.weight", b}}).find("1 dimensions"),
            std::string::npos);
  EXPECT_NE(weights_error({{q + ".lora_magnitude_vector", a}}).find("lora_magnitude_vector"), std::string::npos);
  EXPECT_NE(weights_error({{"q_proj.lora_A.weight", a}}).find("q_proj.lora_A.weight"), std::string::npos);
  const at::Tensor bad = at::full({4, 2}, std::numeric_limits<double>::quiet_NaN(), at::kFloat);
  EXPECT_NE(weights_error({{q + ".lora_A.weight", a}, {q + ".lora_B.weight", bad}}).find("not finite"),
            std::string::npos);
  EXPECT_THROW(write_adapter(directory_.path(), {}, {{kQuery, {a, bad}}}), Error);
}

TEST_F(Adapter, AbsentAndBrokenFilesAreNamed) {
  EXPECT_NE(error_of([&] { read_adapter_config(directory_.path()); }).find("adapter_config.json"), std::string::npos);
  EXPECT_NE(error_of([&] { read_adapter_weights(directory_.path()); }).find("adapter_model.safetensors"),
            std::string::npos);
  for (const char* text : {"", "[]", "{", "nonsense", "{\"r\": 1e999}", "null"}) {
    directory_.write("adapter_config.json", text);
    const std::string message = error_of([&] { read_adapter_config(directory_.path()); });
    EXPECT_NE(message.find("no JSON object"), std::string::npos) << text << ": " << message;
  }
}

// Seeded changes of a good file end in a config or in one Error, never in another exception or a crash.
TEST_F(Adapter, MutatedConfigsNeverEscape) {
  const std::string good = ordered_json{
      {"peft_type", "LORA"},
      {"r", 4},
      {"lora_alpha", 16},
      {"target_modules", {"q_proj", "down_proj"}},
      {"rank_pattern", {{"q_proj", 8}}},
      {"alpha_pattern", {{"q_proj", 2.5}}},
      {"bias", "none"},
      {"use_rslora", false}}.dump();
  constexpr std::string_view kPieces[] = {
      "null", "-1", "1e308", "18446744073709551616", "\"\"", "[", "{", "]", "}", ",", ":", "\\", "\xff", "true", "0.5",
      "(",    "*",  "\""};
  Random random(20, 1);
  int num_refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = good;
    for (std::uint64_t i = 0; i <= random.below(3); ++i) {
      const std::size_t place = random.below(text.size());
      if (random.below(2) == 0)
        text[place] = static_cast<char>(random.below(256));
      else
        text.replace(place, random.below(8), kPieces[random.below(std::size(kPieces))]);
    }
    directory_.write("adapter_config.json", text);
    num_refused += error_of([&] {
                     const AdapterConfig config = read_adapter_config(directory_.path());
                     config.targets(kQuery);
                     EXPECT_GT(config.rank_of(kQuery), 0);
                   }) != "no error";
  }
  EXPECT_GT(num_refused, 1000);
}

}  // namespace
}  // namespace holdfast::checkpoint
