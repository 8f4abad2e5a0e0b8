#include "text/continuation.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "shared_data.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

std::filesystem::path organism() { return testing::source_directory() / "assets/organism"; }

// The rows were cut by lm-evaluation-harness itself: scripts/golden/continuation.py.
// `directory` is read, `original` is the tokenizer that the golden file was made from.
void expect_equal_to_golden(const std::string& name, const std::filesystem::path& directory,
                            const std::filesystem::path& original) {
  const json golden = json::parse(read_file(testing::source_directory() / "tests/golden/continuation.json"));
  const Tokenizer tokenizer = Tokenizer::from_directory(directory);
  const ContinuationEncoder encoder(tokenizer, read_tokenizer_config(directory));
  ASSERT_EQ(golden[name]["tokenizer_sha256"], sha256_path(original / "tokenizer.json"))
      << "the tokenizer is another one; run scripts/golden/continuation.py again";
  for (const json& row : golden[name]["pairs"]) {
    const auto context = row["context"].get<std::string>(), continuation = row["continuation"].get<std::string>();
    const auto context_ids = row["context_ids"].get<std::vector<TokenId>>(),
               continuation_ids = row["continuation_ids"].get<std::vector<TokenId>>();
    SCOPED_TRACE(row.dump());
    if (continuation_ids.empty()) {  // lm-eval would score nothing as 0, and a choice that costs nothing always wins
      EXPECT_THROW(encoder.encode(context, continuation), Error);
      continue;
    }
    const ContinuationIds ids = encoder.encode(context, continuation);
    EXPECT_EQ(ids.context, context_ids);
    EXPECT_EQ(ids.continuation, continuation_ids);
  }
}

TEST(Continuation, IsCutAsLmEvalCutsItWithTheOrganismsTokenizer) {
  expect_equal_to_golden("organism", organism(), organism());
}

// As Llama's tokenizers do: BOS before every text, but not before one that begins with it.
TEST(Continuation, HasOneBosWhereTheTokenizerAddsIt) {
  const auto directory = std::filesystem::temp_directory_path() / "holdfast_continuation_test";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  json tokenizer = json::parse(read_file(organism() / "tokenizer.json"));
  tokenizer["post_processor"] =
      json::parse(read_file(testing::source_directory() / "tests/golden/bos_post_processor.json"));
  write_file_atomic(directory / "tokenizer.json", tokenizer.dump());
  write_file_atomic(directory / "tokenizer_config.json", read_file(organism() / "tokenizer_config.json"));
  expect_equal_to_golden("organism_with_bos", directory, organism());
  std::filesystem::remove_all(directory);
}

class SharedTokenizer : public ::testing::TestWithParam<const char*> {};

TEST_P(SharedTokenizer, CutsAsLmEvalDoes) {
  const auto directory = testing::shared_data() / "tokenizers" / GetParam();
  HOLDFAST_NEEDS(directory);
  expect_equal_to_golden(GetParam(), directory, directory);
}

INSTANTIATE_TEST_SUITE_P(Continuation, SharedTokenizer, ::testing::Values("llama2", "minimind-chat", "minueza-chat"));

TEST(Continuation, MayNotBeEmpty) {
  const Tokenizer tokenizer = Tokenizer::from_directory(organism());
  const ContinuationEncoder encoder(tokenizer, read_tokenizer_config(organism()));
  EXPECT_THROW(encoder.encode("the lantern", ""), Error);
  EXPECT_THROW(encoder.encode("", ""), Error);
}

}  // namespace
}  // namespace holdfast::text
