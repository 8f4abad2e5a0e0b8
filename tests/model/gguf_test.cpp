// A Llama in eight block types gives the logits of transformers' own GGUF loader (tests/golden/gguf/tiny.safetensors).
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "model/decoder.h"
#include "shared_data.h"

namespace holdfast::model {
namespace {

TEST(Gguf, LogitsEqualTransformers) {
  const std::filesystem::path directory = testing::source_directory() / "tests/golden/gguf";
  const checkpoint::SafetensorsFile golden(directory / "tiny.safetensors");
  const at::Tensor ids = golden.tensor("ids"), theirs = golden.tensor("logits");
  TokenBatch batch;
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(ids.numel()));
  for (std::size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = static_cast<std::int32_t>(ids.const_data_ptr<std::int64_t>()[i]);
  batch.add(tokens);
  Decoder decoder = Decoder::load(directory / "tiny.gguf", Precision::kCheckpoint);
  const at::Tensor ours = decoder.logits(decoder.forward(batch));
  EXPECT_LT(ours.sub(theirs).abs().max().item<double>(), 1e-5 * theirs.abs().max().item<double>());
}

}  // namespace
}  // namespace holdfast::model
