// Block formats beside the `gguf` package, and files that lie about what a model needs.
#include <ATen/ops/allclose.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/random.h"
#include "checkpoint/expected_weights.h"
#include "checkpoint/gguf_blocks.h"
#include "checkpoint/gguf_weights.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/temporary_directory.h"
#include "gguf_bytes.h"
#include "shared_data.h"

namespace holdfast::checkpoint {
namespace {

using testing::error_of;
using testing::GgufBytes;

std::filesystem::path golden(const char* name) { return testing::source_directory() / "tests/golden/gguf" / name; }

TEST(GgufBlocks, ValuesEqualTheGgufPackagesBitForBit) {
  const SafetensorsFile file(golden("blocks.safetensors"));
  int formats = 0;
  for (std::uint32_t type = 1; type < 40; ++type) {
    const GgufBlockFormat* format = gguf_block_format(type);
    if (format == nullptr) continue;
    ++formats;
    const std::string name(format->name);
    const at::Tensor bytes = file.tensor(name + ".bytes"), expected = file.tensor(name + ".values");
    std::vector<float> values(static_cast<std::size_t>(expected.numel()));
    ASSERT_EQ(expected.numel() / format->weights * format->bytes, bytes.numel());
    widen_gguf(*format, bytes.const_data_ptr<std::uint8_t>(), expected.numel() / format->weights, values.data());
    const float* wanted = expected.const_data_ptr<float>();
    std::int64_t wrong = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool are_nan = std::isnan(values[i]) && std::isnan(wanted[i]);
      wrong += !are_nan && std::memcmp(&values[i], wanted + i, sizeof(float)) != 0;
    }
    EXPECT_EQ(wrong, 0) << name;
  }
  EXPECT_EQ(formats, 12);
}

class GgufModel : public ::testing::Test {
 protected:
  // What is wrong with the file as a model.
  std::string error(std::string_view bytes) {
    directory_.write("a.gguf", bytes);
    return error_of([&] {
      const Weights weights(directory_.path());
      check_weights(read_config(directory_.path()), weights, directory_.path());
      for (const std::string& name : weights.names()) weights.tensor(name);
    });
  }
  void expect(std::string_view bytes, const char* part) {
    const std::string message = error(bytes);
    EXPECT_NE(message.find(part), std::string::npos) << message << " lacks " << part;
    EXPECT_EQ(message.find('\n'), std::string::npos) << "more than one line: " << message;
  }
  // A file of `architecture` with every key that each needs.
  GgufBytes keys(std::uint64_t tensors, std::string_view architecture = "llama", std::uint64_t more = 0) {
    const std::string prefix = std::string(architecture) + ".";
    GgufBytes bytes;
    bytes.header(tensors, 7 + more).pair("general.architecture", architecture);
    bytes.pair(prefix + "block_count", 1).pair(prefix + "context_length", 64).pair(prefix + "embedding_length", 32);
    bytes.pair(prefix + "feed_forward_length", 32).pair(prefix + "attention.head_count", 2);
    bytes.text(prefix + "attention.layer_norm_rms_epsilon").u32(6).number(1e-5f);
    return bytes;
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(GgufModel, HasHuggingFacesNamesShapesAndTheFilesBytes) {
  const Weights weights(golden("tiny.gguf"));
  const ModelConfig config = read_config(golden("tiny.gguf"));
  check_weights(config, weights, golden("tiny.gguf"));
  EXPECT_EQ(config.family, "llama");
  EXPECT_EQ(config.rms_norm_eps, 1e-6);
  EXPECT_EQ(weights.stored_type("model.layers.0.self_attn.q_proj.weight"), "Q4_1");
  EXPECT_EQ(weights.stored_bytes("model.layers.0.self_attn.q_proj.weight"), 32 * 20);
  EXPECT_EQ(weights.dtype("model.layers.0.self_attn.q_proj.weight"), at::kFloat);
  EXPECT_EQ(weights.shape("model.layers.0.mlp.down_proj.weight"), (std::vector<std::int64_t>{32, 64}));
}

TEST_F(GgufModel, RowsOfQueryAndKeyStandInPairs) {
  // One head of four rows 0 .. 3 in pairs: 0 2 1 3 in halves.
  const GgufWeights weights(golden("tiny.gguf"));
  const GgufFile file(golden("tiny.gguf"));
  const GgufBlockFormat& format = *gguf_block_format(file.tensors().at("blk.0.attn_k.weight").type);
  std::vector<float> stored(16 * 32);
  widen_gguf(format, reinterpret_cast<const std::uint8_t*>(file.bytes("blk.0.attn_k.weight", 16 * 22).data()), 16,
             stored.data());
  const at::Tensor key = weights.tensor("model.layers.0.self_attn.k_proj.weight");
  for (int row = 0; row < 16; ++row) {
    const int head = row / 8, half = row % 8 / 4, pair = row % 4;
    const float* expected = stored.data() + (head * 8 + pair * 2 + half) * 32;
    EXPECT_EQ(std::memcmp(key.const_data_ptr<float>() + row * 32, expected, 32 * sizeof(float)), 0) << row;
  }
}

TEST_F(GgufModel, FilesThatAreNoModelSayWhatIsMissing) {
  expect(GgufBytes().header(0, 0).bytes(), "found general.architecture null");
  expect(keys(0, "mamba").bytes(), "found general.architecture 'mamba'");
  expect(keys(0).bytes(), "no matrix token_embd.weight");
  expect(GgufBytes().header(0, 1).pair("general.architecture", "llama").bytes(), "token_embd.weight");
  expect(keys(1).tensor("token_embd.weight", 8, 32, 0, 0).with_data(1024), "is missing");
  expect(keys(1).tensor("token_embd.weight", 8, 32, 99, 0).with_data(1024), "found block format 99");
  expect(keys(1).tensor("token_embd.weight", 8, 33, 8, 0).with_data(1024), "expected a multiple of 32");
  expect(keys(1).tensor("token_embd.weight", 8, 32, 0, 0).with_data(1023), "expected 1024");
  expect(keys(2).tensor("token_embd.weight", 8, 32, 0, 0).tensor("b", 8, 32, 0, 992).with_data(2048), "bytes of both");
  expect(keys(2).tensor("token_embd.weight", 8, 32, 0, 0).tensor("b", 8, 32, 0, 0).with_data(2048), "bytes of both");
  expect(keys(1, "llama", 1).pair("llama.logit_scale", 2).tensor("token_embd.weight", 8, 32, 0, 0).with_data(1024),
         "found 'llama.logit_scale' = 2");
  expect(keys(1, "llama", 1).pair("split.count", 3).tensor("token_embd.weight", 8, 32, 0, 0).with_data(1024),
         "in 3 files");
  expect(keys(1, "llama", 2)
             .pair("llama.expert_count", 999'999'999)
             .pair("llama.expert_used_count", 2)
             .tensor("token_embd.weight", 8, 32, 0, 0)
             .with_data(1024),
         "expected at most 4096");
  expect(keys(2)
             .tensor("token_embd.weight", 8, 32, 0, 0)
             .text("rope_freqs.weight")
             .u32(1)
             .u64(8)
             .u32(0)
             .u64(1024)
             .with_data(1056),
         "expected positive numbers");
}

// Every truncation, and thousands of files with some bytes changed: each is read or is one Error.
TEST_F(GgufModel, DamagedFilesAreReadOrRefused) {
  const std::string whole = read_file(golden("tiny.gguf"));
  const std::size_t header = 9000;  // beyond it numbers of tensors alone
  Random random(11);
  int refused = 0;
  const auto attempt = [&](const std::string& bytes) {
    const std::string message = error(bytes);
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    refused += message != "no error";
  };
  for (int i = 0; i < 200; ++i) attempt(whole.substr(0, random.below(whole.size())));
  EXPECT_EQ(refused, 200);
  for (int i = 0; i < 1500; ++i) {
    std::string bytes = whole;
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n)
      bytes[random.below(header)] = static_cast<char>(random.below(2) == 0 ? 0xFF : random.below(256));
    attempt(bytes);
  }
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace holdfast::checkpoint
