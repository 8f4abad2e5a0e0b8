#include "text/gguf_tokenizer.h"

#include <gtest/gtest.h>

#include "checkpoint/temporary_directory.h"
#include "gguf_bytes.h"
#include "shared_data.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace holdfast::text {
namespace {

using testing::error_of;
using testing::GgufBytes;

const std::filesystem::path kTiny = testing::source_directory() / "tests/golden/gguf/tiny.gguf";

TEST(GgufTokenizer, MergesItsPiecesAndKeepsAddedTokensWhole) {
  const Tokenizer tokenizer = Tokenizer::from_directory(kTiny);
  EXPECT_EQ(tokenizer.encode("the<think>x"), (std::vector<TokenId>{258, 257, 260, 'x'}));
  EXPECT_EQ(tokenizer.encode("tho", false), (std::vector<TokenId>{256, 'o'}));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("the \xC3\xA9"), true), "the \xC3\xA9");
  EXPECT_TRUE(tokenizer.is_special(258));
  EXPECT_FALSE(tokenizer.is_special(260));
}

TEST(GgufTokenizer, HasTheFilesTemplateAndNamesOfTokens) {
  const ChatTemplate chat = ChatTemplate::from_directory(kTiny);
  EXPECT_EQ(chat.render({{{"role", "user"}, {"content", "hi"}}}), "<|begin_of_text|>user: hi\n");
  EXPECT_EQ(read_tokenizer_config(kTiny).token("eos_token"), "<|end_of_text|>");
}

class GgufVocabulary : public ::testing::Test {
 protected:
  void expect(const GgufBytes& bytes, const char* part) {
    directory_.write("a.gguf", bytes.bytes());
    const std::string message = error_of([&] { Tokenizer::from_directory(directory_.path()); });
    EXPECT_NE(message.find(part), std::string::npos) << message << " lacks " << part;
  }
  static GgufBytes tokens(std::uint64_t pairs, std::string_view model) {
    GgufBytes bytes;
    bytes.header(0, 2 + pairs).pair("tokenizer.ggml.model", model).text("tokenizer.ggml.tokens").u32(9).u32(8).u64(3);
    return bytes.text("a").text("b").text("ab");
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(GgufVocabulary, SentencePieceMergesByScore) {
  GgufBytes bytes = tokens(2, "llama");
  bytes.text("tokenizer.ggml.scores").u32(9).u32(6).u64(3).number(-1.0f).number(-2.0f).number(-3.0f);
  bytes.text("tokenizer.ggml.add_bos_token").u32(7).number<std::uint8_t>(0);
  directory_.write("a.gguf", bytes.bytes());
  EXPECT_EQ(gguf_tokenizer(GgufFile(directory_.path() / "a.gguf"))["model"]["merges"],
            nlohmann::json::parse(R"([["a", "b"]])"));
}

TEST_F(GgufVocabulary, WhatIsNotKnownIsRefusedByName) {
  expect(GgufBytes().header(0, 0), "no list tokenizer.ggml.tokens");
  expect(tokens(0, "rwkv"), "found tokenizer.ggml.model 'rwkv'");
  expect(tokens(1, "gpt2").pair("tokenizer.ggml.pre", "unheard"), "found tokenizer.ggml.pre 'unheard'");
  expect(tokens(0, "gpt2"), "no list tokenizer.ggml.merges");
  expect(tokens(0, "llama"), "no list tokenizer.ggml.scores");
  expect(tokens(2, "gpt2").pair("tokenizer.ggml.pre", "llama-bpe").pair("tokenizer.ggml.bos_token_id", 3),
         "found tokenizer.ggml.bos_token_id 3");
  expect(tokens(1, "gpt2").text("tokenizer.ggml.merges").u32(9).u32(8).u64(1).text("ab"), "found the merge \"ab\"");
  expect(tokens(1, "gpt2").text("tokenizer.ggml.token_type").u32(9).u32(5).u64(1).number(3),
         "found 1 types of 3 tokens");
  expect(tokens(1, "gpt2").text("tokenizer.ggml.add_bos_token").u32(4).u32(1), "expected true or false");
}

}  // namespace
}  // namespace holdfast::text
