// Whole checkpoint directories that lie: each is one Error that says which file and why, and nothing else.
#include <ATen/ops/ones.h>
#include <ATen/ops/sum.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/random.h"
#include "checkpoint/hf_config.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/temporary_directory.h"
#include "checkpoint/weights.h"
#include "shared_data.h"

namespace holdfast::checkpoint {
namespace {

using nlohmann::json;
using testing::error_of;

std::string file_with(const std::string& header, std::size_t data) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i));
  return bytes + header + std::string(data, '\0');
}

class Hostile : public ::testing::Test {
 protected:
  std::string weights_error() {
    return error_of([&] { Weights weights(directory_.path()); });
  }
  void expect(const std::string& message, const char* part) {
    EXPECT_NE(message.find(part), std::string::npos) << message << " lacks " << part;
    EXPECT_EQ(message.find('\n'), std::string::npos) << "more than one line: " << message;
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(Hostile, DirectoriesWithoutSafetensorsSayWhatToDo) {
  expect(weights_error(), "found no weights");
  directory_.write("pytorch_model.bin", "PK");
  expect(weights_error(), "found only pytorch_model.bin");
  expect(error_of([&] { Weights weights(directory_.path() / "absent"); }), "found no directory");
}

TEST_F(Hostile, GitLfsPointersAreRecognised) {
  const auto pointer = testing::shared_data() / "tokenizers/minueza-chat/model.safetensors.LFS_POINTER";
  HOLDFAST_NEEDS(pointer);
  directory_.write("model.safetensors", read_file(pointer));
  expect(weights_error(), "git lfs pull");
}

TEST_F(Hostile, IndexesMayNotLeaveTheirDirectoryNorNameWhatIsAbsent) {
  write_safetensors(directory_.path() / "a.safetensors", {{"w", at::ones({2})}});
  const auto error = [&](const json& index) {
    directory_.write("model.safetensors.index.json", index.dump());
    return weights_error();
  };
  EXPECT_EQ(error({{"weight_map", {{"w", "a.safetensors"}}}}), "no error");
  for (const char* file : {"../a.safetensors", "/etc/passwd", "./a.safetensors", "b/../a.safetensors", "..", "."})
    expect(error({{"weight_map", {{"w", file}}}}), "expected");
  expect(error({{"weight_map", {{"w", "../a.safetensors"}}}}), "a file name in the same directory");
  expect(error({{"weight_map", {{"w", 3}}}}), "a file name in the same directory");
  expect(error({{"weight_map", {{"w", "b.safetensors"}}}}), "found no shard");
  expect(error({{"weight_map", {{"v", "a.safetensors"}}}}), "found no tensor 'v'");
  expect(error({{"weight_map", json::object()}}), "no weight_map");
  expect(error({{"weight_map", {1, 2}}}), "no weight_map");
  expect(error(json::array()), "no weight_map");
}

TEST_F(Hostile, AFileCutAnywhereIsRefused) {
  write_safetensors(directory_.path() / "model.safetensors", {{"v", at::ones({3, 5})}, {"w", at::ones({2})}});
  const std::string whole = read_file(directory_.path() / "model.safetensors");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    directory_.write("model.safetensors", std::string_view(whole).substr(0, size));
    EXPECT_NE(weights_error(), "no error") << size << " of " << whole.size() << " bytes";
  }
  directory_.write("model.safetensors", whole + "x");
  expect(weights_error(), "behind the last tensor");
}

TEST_F(Hostile, HeadersMayNestAsDeepAsTheyLike) {
  const std::string deep = std::string(500'000, '[') + std::string(500'000, ']');
  for (const std::string& header :
       {R"({"a":)" + deep + "}", R"({"a":{"dtype":"F32","data_offsets":[0,4],"shape":)" + deep + "}}",
        R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,)" + deep + "]}}", R"({"__metadata__":)" + deep + "}"}) {
    directory_.write("model.safetensors", file_with(header, 4));
    expect(weights_error(), "expected");
  }
  directory_.write("config.json", R"({"model_type":"llama","vocab_size":)" + deep + "}");
  expect(error_of([&] { read_config(directory_.path()); }), "'vocab_size'");
}

TEST_F(Hostile, HolesOverlapsAndWrongSizesAreRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
       "overlap or leave a gap"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "overlap or leave a gap"},
      {R"({"a":{"dtype":"F64","shape":[3],"data_offsets":[0,12]}})", "shape times element size"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[12,0]}})", "ends at byte"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,18446744073709551615]}})", "ends at byte"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,1e3]}})", "found offset"},
      {R"({"a":{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]}})", "found extent"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,12]}})", "shape times element size"},
      {R"({"a":{"dtype":3,"shape":[3],"data_offsets":[0,12]}})", "expected dtype"},
      {R"({"a":{"dtype":"F32","data_offsets":[0,12]}})", "expected dtype"},
      {R"({"a":7})", "expected dtype"},
  };
  for (const auto& [header, part] : cases) {
    directory_.write("model.safetensors", file_with(header, 12));
    expect(weights_error(), part);
  }
}

// Seeded changes of a good file: it is read, and then every tensor lies inside it, or it is one Error.
TEST_F(Hostile, MutatedHeadersNeverEscape) {
  write_safetensors(directory_.path() / "good.safetensors",
                    {{"v", at::ones({3, 5})}, {"w", at::ones({2}).to(at::kBFloat16)}, {"u", at::ones({4, 1, 2})}},
                    {{"format", "pt"}});
  const std::string good = read_file(directory_.path() / "good.safetensors");
  const std::size_t header = 8 + static_cast<unsigned char>(good[0]) + 256u * static_cast<unsigned char>(good[1]);
  constexpr std::string_view kPieces[] = {"-1",  "0",  "9223372036854775808", "1e9", "null", "[", "]", "{", "}", "\"",
                                          "F64", "U8", "4611686018427387904", ",",   "\xff"};
  Random random(20, 2);
  int num_refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = good;
    for (std::uint64_t i = 0; i <= random.below(3); ++i) {
      const std::size_t place = random.below(header);
      if (random.below(2) == 0)
        bytes[place] = static_cast<char>(random.below(256));
      else
        bytes.replace(place, random.below(6), kPieces[random.below(std::size(kPieces))]);
    }
    if (random.below(4) == 0) bytes.resize(random.below(bytes.size()));
    directory_.write("mutated.safetensors", bytes);
    num_refused += error_of([&] {
                     const SafetensorsFile file(directory_.path() / "mutated.safetensors");
                     for (const std::string& name : file.names()) file.tensor(name).to(at::kDouble).sum();
                   }) != "no error";
  }
  EXPECT_GT(num_refused, 3000);
}

TEST_F(Hostile, ConfigsWithWrongTypesAndSizesAreRefusedByKey) {
  const json good = {{"model_type", "llama"},    {"vocab_size", 100},      {"hidden_size", 64},
                     {"intermediate_size", 128}, {"num_hidden_layers", 2}, {"num_attention_heads", 4}};
  const auto error = [&](const char* key, const json& value) {
    json config = good;
    config[key] = value;
    directory_.write("config.json", config.dump());
    return error_of([&] { read_config(directory_.path()); });
  };
  const std::pair<const char*, json> cases[] = {{"vocab_size", "100"},
                                                {"vocab_size", 1e300},
                                                {"vocab_size", 18446744073709551615u},
                                                {"hidden_size", 64.0},
                                                {"hidden_size", {64}},
                                                {"num_hidden_layers", 999'999'999},
                                                {"num_attention_heads", 0},
                                                {"num_key_value_heads", 3},
                                                {"head_dim", 7},
                                                {"rms_norm_eps", 0},
                                                {"rms_norm_eps", "1e-5"},
                                                {"rope_theta", -1},
                                                {"rope_theta", json::object()},
                                                {"rope_scaling", 3},
                                                {"rope_scaling", {{"rope_type", "llama3"}, {"factor", 8}}},
                                                {"rope_parameters", {{"rope_type", 5}}},
                                                {"tie_word_embeddings", "yes"},
                                                {"hidden_act", 1},
                                                {"hidden_act", "gelu"},
                                                {"pretraining_tp", 2},
                                                {"eos_token_id", json::array()},
                                                {"eos_token_id", {1, "2"}},
                                                {"eos_token_id", -1},
                                                {"bos_token_id", json::array()},
                                                {"bos_token_id", 1.5},
                                                {"model_type", json::array()},
                                                {"quantization_config", "nf4"},
                                                {"quantization_config", {{"quant_method", "gptq"}}},
                                                {"quantization_config", {{"load_in_8bit", true}}}};
  for (const auto& [key, value] : cases) {
    const std::string message = error(key, value);
    EXPECT_NE(message, "no error") << key << " = " << value;
    expect(message, "expected");
  }
  EXPECT_EQ(error("quantization_config", {{"load_in_4bit", true}, {"bnb_4bit_quant_type", "nf4"}}), "no error");
  expect(error("quantization_config", {{"quant_method", "gptq"}}), "'gptq'");
  EXPECT_EQ(error("quantization_config", {{"load_in_4bit", true}, {"bnb_4bit_quant_type", "fp4"}}), "no error");
  EXPECT_EQ(error("quantization_config", {{"load_in_4bit", true}}), "no error");  // FP4 where nothing is said
  expect(error("quantization_config", {{"load_in_4bit", true}, {"bnb_4bit_quant_type", "af4"}}), "'af4'");
  for (const char* text : {"", "null", "{\"vocab_size\": NaN}", "{\"vocab_size\": 1e999}", "{"}) {
    directory_.write("config.json", text);
    expect(error_of([&] { read_config(directory_.path()); }), "no JSON object");
  }
}

}  // namespace
}  // namespace holdfast::checkpoint
