// Each component of a tokenizer alone gives what the `tokenizers` library gives:
// scripts/golden/tokenizer_components.py.
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"
#include "text_files.h"

namespace holdfast::text {
namespace {

using nlohmann::json;
using testing::TemporaryDirectory;

json golden() { return json::parse(read_file(testing::source_directory() / "tests/golden/tokenizer_components.json")); }

TEST(TokenizerComponents, EncodeAndDecodeAsTheLibraryDoes) {
  const json all = golden();
  const TemporaryDirectory directory;
  int cases = 0;
  for (const json& configuration : all["configurations"]) {
    json root = configuration["parts"];
    root["model"] = all["models"][configuration["model"].get<std::string>()];
    const Tokenizer tokenizer = Tokenizer::from_file(directory.write("tokenizer.json", root.dump()));
    for (const json& one : configuration["cases"]) {
      SCOPED_TRACE(configuration["name"].get<std::string>() + ": " + one.dump());
      const auto text = one[0].get<std::string>();
      const auto ids = one[1].get<std::vector<TokenId>>();
      EXPECT_EQ(tokenizer.encode(text), ids);
      EXPECT_EQ(tokenizer.encode(text, false), one[2].get<std::vector<TokenId>>());
      EXPECT_EQ(tokenizer.decode(ids, false), one[3].get<std::string>());
      EXPECT_EQ(tokenizer.decode(ids, true), one[4].get<std::string>());
      ++cases;
    }
  }
  EXPECT_GT(cases, 900);
}

TEST(Tokenizer, LongTextsTakeNoLongerThanManyShortOnes) {
  json root = {{"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}}};
  root["model"] = golden()["models"]["level"];
  const TemporaryDirectory directory;
  const Tokenizer tokenizer = Tokenizer::from_file(directory.write("tokenizer.json", root.dump()));
  for (const char* piece : {"e", " ", "!", "1", "\n", "\xE2\x98\x83"}) {
    std::string text;
    while (text.size() < 300'000) text += piece;
    std::size_t size = 0;
    for (const TokenId id : tokenizer.encode(text)) size += tokenizer.id_to_token(id)->size() > 0;
    EXPECT_GT(size, 100'000u) << piece;
  }
}

// Bytes that are no UTF-8 are read as Python's errors="replace" would read them.
TEST(Tokenizer, ReadsBadBytesAsReplacementCharacters) {
  json root;
  root["model"] = golden()["models"]["sentence"];
  const TemporaryDirectory directory;
  const Tokenizer tokenizer = Tokenizer::from_file(directory.write("tokenizer.json", root.dump()));
  EXPECT_EQ(tokenizer.encode("a\xFF\xE2\x98z\xED\xA0\x80"),
            tokenizer.encode("a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"));
}

struct Damage {
  const char* name;
  void (*apply)(json& root);
  const char* named_in_message;
};

class DamagedTokenizer : public ::testing::TestWithParam<Damage> {};

TEST_P(DamagedTokenizer, IsRefusedByOneLineThatNamesTheFault) {
  json root = {{"added_tokens", {{{"id", 1}, {"content", "<s>"}, {"special", true}}}}};
  root["model"] = golden()["models"]["sentence"];
  GetParam().apply(root);
  const TemporaryDirectory directory;
  const auto path = directory.write("tokenizer.json", root.dump());
  try {
    Tokenizer::from_file(path);
    FAIL() << "was read";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find(GetParam().named_in_message), std::string::npos) << message;
    EXPECT_TRUE(message.starts_with("[tokenizer] ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_NE(message.find("found"), std::string::npos) << message;
  }
}

json nested(const char* kind, const char* list, int depth) {
  json value = nullptr;
  for (int i = 0; i < depth; ++i) value = {{"type", kind}, {list, json::array({value})}};
  return value;
}

INSTANTIATE_TEST_SUITE_P(
    Tokenizer, DamagedTokenizer,
    ::testing::Values(
        Damage{"NoModel", [](json& root) { root.erase("model"); }, "model"},
        Damage{"ModelIsAList", [](json& root) { root["model"] = json::array(); }, "another shape"},
        Damage{"ModelTypeIsANumber", [](json& root) { root["model"]["type"] = 3; }, "another shape"},
        Damage{"OtherModel", [](json& root) { root["model"]["type"] = "WordPiece"; }, "'WordPiece'"},
        Damage{"VocabularyIsAList", [](json& root) { root["model"]["vocab"] = json::array(); }, "vocab"},
        Damage{"NegativeId", [](json& root) { root["model"]["vocab"]["he"] = -1; }, "'he'"},
        Damage{"HugeId", [](json& root) { root["model"]["vocab"]["he"] = 1ull << 63; }, "'he'"},
        Damage{"FractionAsId", [](json& root) { root["model"]["vocab"]["he"] = 1.5; }, "'he'"},
        Damage{"OneIdForTwoPieces", [](json& root) { root["model"]["vocab"]["he"] = root["model"]["vocab"]["la"]; },
               "'he'"},
        Damage{"MergeOfUnknownPieces", [](json& root) { root["model"]["merges"][0] = "zz y"; }, "'zz'"},
        Damage{"MergeOfOnePiece", [](json& root) { root["model"]["merges"][0] = "zz"; }, "zz"},
        Damage{"MergeIsANumber", [](json& root) { root["model"]["merges"][0] = 4; }, "merge 4"},
        Damage{"UnknownTokenThatIsNone", [](json& root) { root["model"]["unk_token"] = "<none>"; }, "<none>"},
        Damage{"AddedTokenWithoutContent", [](json& root) { root["added_tokens"][0].erase("content"); }, "content"},
        Damage{"AddedTokenWithNegativeId", [](json& root) { root["added_tokens"][0]["id"] = -7; }, "-7"},
        Damage{"AddedTokenWithHugeId", [](json& root) { root["added_tokens"][0]["id"] = 1ll << 40; }, "'<s>'"},
        Damage{"AddedTokenWithTheIdOfAPiece", [](json& root) { root["added_tokens"][0]["content"] = "<x>"; }, "'<x>'"},
        Damage{"AddedTokenWithTwoIds", [](json& root) { root["added_tokens"][0]["id"] = 9999; }, "9999"},
        Damage{"UnigramWithoutVocabulary",
               [](json& root) {
                 root["model"] = {{"type", "Unigram"}};
               },
               "no vocab"},
        Damage{"UnigramScoreIsAText",
               [](json& root) {
                 root["model"] = json::parse(R"({"type": "Unigram", "vocab": [["a", "b"], ["c", -1.0]]})");
               },
               "[piece, score]"},
        Damage{"UnigramPieceTwice",
               [](json& root) {
                 root["model"] = json::parse(R"({"type": "Unigram", "vocab": [["a", 0.0], ["b", -1.0], ["a", -2.0]]})");
               },
               "'a' with the ids 0 and 2"},
        Damage{"UnigramUnknownOutOfRange",
               [](json& root) {
                 root["model"] = json::parse(R"({"type": "Unigram", "unk_id": 2, "vocab": [["a", 0.0], ["b", -1.0]]})");
               },
               "unk_id 2"},
        Damage{"PrecompiledIsNoBase64",
               [](json& root) {
                 root["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", "AAA!"}};
               },
               "base64"},
        Damage{"PrecompiledIsTooShort",
               [](json& root) {
                 root["normalizer"] = {{"type", "Precompiled"}, {"precompiled_charsmap", "////fw=="}};
               },
               "precompiled_charsmap of 4 bytes"},
        Damage{"UnknownNormaliser",
               [](json& root) {
                 root["normalizer"] = {{"type", "BertNormalizer"}};
               },
               "'BertNormalizer'"},
        Damage{"UnknownPreTokenizer",
               [](json& root) {
                 root["pre_tokenizer"] = {{"type", "X"}};
               },
               "'X'"},
        Damage{"UnknownDecoder",
               [](json& root) {
                 root["decoder"] = {{"type", "CTC"}};
               },
               "'CTC'"},
        Damage{"UnknownPostProcessor",
               [](json& root) {
                 root["post_processor"] = {{"type", "Y"}};
               },
               "'Y'"},
        Damage{"NormaliserIsAText", [](json& root) { root["normalizer"] = "NFC"; }, "another shape"},
        Damage{"PatternThatIsNone",
               [](json& root) {
                 root["pre_tokenizer"] = {{"type", "Split"}, {"behavior", "Isolated"}, {"pattern", {{"Regex", "(a"}}}};
               },
               "(a"},
        Damage{"PatternIsANumber",
               [](json& root) {
                 root["pre_tokenizer"] = {{"type", "Split"}, {"behavior", "Isolated"}, {"pattern", 5}};
               },
               "5"},
        Damage{"SpecialTokenWithoutId",
               [](json& root) {
                 root["post_processor"] = {{"type", "TemplateProcessing"},
                                           {"single", {{{"SpecialToken", {{"id", "<s>"}}}}}},
                                           {"special_tokens", json::object()}};
               },
               "'<s>'"},
        Damage{"SpecialTokenWithNegativeId",
               [](json& root) {
                 root["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"a", -3}}, {"sep", {"b", 2}}};
               },
               "-3"},
        Damage{"StripOfNothing",
               [](json& root) {
                 root["decoder"] = {{"type", "Strip"}, {"content", ""}, {"start", 1 << 30}};
               },
               "Strip"},
        Damage{"DeepNormaliser", [](json& root) { root["normalizer"] = nested("Sequence", "normalizers", 3000); },
               "nested deeper"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Tokenizer, CutOffFilesAreRefused) {
  json root;
  root["model"] = golden()["models"]["pairs"];
  const std::string text = root.dump();
  const TemporaryDirectory directory;
  for (std::size_t size = 0; size < text.size(); size += 37)
    EXPECT_THROW(Tokenizer::from_file(directory.write("tokenizer.json", text.substr(0, size))), Error) << size;
  EXPECT_THROW(Tokenizer::from_file(directory.write("tokenizer.json", std::string(1'000'000, '['))), Error);
}

}  // namespace
}  // namespace holdfast::text
