// What is read of a tokenizer.json without a tree is what a parser of all JSON reads.
#include "text/bpe_text.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "base/files.h"
#include "shared_data.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

// Returns whether the text could be read without a tree.
bool expect_same(const std::string& text) {
  const auto found = split_bpe(text);
  const json whole = json::parse(text, nullptr, false);
  if (!found) return false;
  const json rest = json::parse(found->rest, nullptr, false);
  EXPECT_EQ(rest.is_discarded(), whole.is_discarded()) << text;
  if (rest.is_discarded() || whole.is_discarded()) return true;
  std::map<std::string, std::int64_t> vocabulary;
  for (const auto& [piece, id] : found->vocabulary) vocabulary[piece] = id;
  EXPECT_EQ(json(vocabulary), whole["model"]["vocab"]) << text.substr(0, 1000);
  json merges = json::array(), expected = json::array();
  for (const auto& [left, right] : found->merges) merges.push_back({left, right});
  for (const json& merge : whole["model"]["merges"]) {
    if (merge.is_array()) {
      expected.push_back(merge);
    } else {
      const std::string pair = merge;
      const std::size_t space = pair.find(' ');
      expected.push_back({pair.substr(0, space), pair.substr(space + 1)});
    }
  }
  EXPECT_EQ(merges, expected) << text.substr(0, 1000);
  json emptied = whole;
  emptied["model"]["vocab"] = json::object();
  emptied["model"]["merges"] = json::array();
  EXPECT_EQ(rest, emptied) << text.substr(0, 1000);
  return true;
}

const std::string kSmall =
    R"({"version": "1.0", "list": ["}", "]", "\"", {"a": [1, -2.5e3, true, null]}], "model": { "type": "BPE" , )"
    R"("vocab" : {"a": 0, "\u00e9\n": 1 , "\ud83d\ude00":2,"日本": 3, "a\/\\": 4, "ab": 12}, )"
    R"("merges":[ "a b" , ["a", "b"],["\u0061" ,"日"], "a  b"], "more": {"vocab": 1}}, "vocab": {}, "end": "x"})";

TEST(BpeText, IsWhatAParserOfAllJsonReads) {
  EXPECT_TRUE(expect_same(kSmall));
  EXPECT_TRUE(expect_same(read_file(testing::source_directory() / "assets/organism/tokenizer.json")));
  EXPECT_TRUE(expect_same(R"({"model":{"merges":[],"vocab":{}}})"));
  EXPECT_TRUE(expect_same(R"({"model":{"merges":["a b"],"vocab":{"a":1,"a":2}}})"));
}

TEST(BpeText, IsThatOfRealFiles) {
  const auto folder = testing::shared_data() / "tokenizers";
  HOLDFAST_NEEDS(folder);
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!std::filesystem::exists(entry.path() / "tokenizer.json")) continue;
    EXPECT_TRUE(expect_same(read_file(entry.path() / "tokenizer.json"))) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 3);
}

TEST(BpeText, LeavesWhatIsUnusualToTheParser) {
  for (const char* text : {"",
                           "{",
                           "[]",
                           R"({"model": {}})",
                           R"({"model": {"vocab": {}}})",
                           R"({"model": [], "vocab": {}})",
                           R"({"model": {"vocab": {"a": 1.0}, "merges": []}})",
                           R"({"model": {"vocab": {"a": -1}, "merges": []}})",
                           R"({"model": {"vocab": {"a": 01}, "merges": []}})",
                           R"({"model": {"vocab": {"a": "b"}, "merges": []}})",
                           R"({"model": {"vocab": {"a": 99999999999999999999}, "merges": []}})",
                           R"({"model": {"vocab": {"a": 1,}, "merges": []}})",
                           R"({"model": {"vocab": {}, "merges": ["ab"]}})",
                           R"({"model": {"vocab": {}, "merges": [["a", "b", "c"]]}})",
                           R"({"model": {"vocab": [["a", 1]], "merges": []}})",
                           R"({"model": {"vocab": {}, "vocab": {}, "merges": []}})",
                           R"({"model": {"vocab": {}, "merges": []}, "model": {"vocab": {}, "merges": []}})",
                           R"({"model": {"vocab": {"\ud800": 1}, "merges": []}})",
                           R"({"model": {"vocab": {"\udc00": 1}, "merges": []}})",
                           R"({"model": {"vocab": {"\x": 1}, "merges": []}})",
                           "{\"model\": {\"vocab\": {\"\n\": 1}, \"merges\": []}}",
                           "{\"model\": {\"vocab\": {\"\xFF\": 1}, \"merges\": []}}"})
    EXPECT_FALSE(expect_same(text)) << text;
}

TEST(BpeText, IsThatOfTheParserWhateverIsChanged) {
  std::mt19937 random(11);
  const std::string bytes = "{}[]\",:\\ \n019-.eua\x80\xC3\xED\xA0";
  int read = 0;
  for (int round = 0; round < 60'000; ++round) {
    std::string text = kSmall;
    for (unsigned changes = 1 + random() % 3; changes > 0; --changes) {
      const std::size_t place = random() % text.size();
      const char byte = bytes[random() % bytes.size()];
      switch (random() % 4) {
        case 0:
          text[place] = byte;
          break;
        case 1:
          text.insert(place, 1, byte);
          break;
        case 2:
          text.erase(place, 1 + random() % 4);
          break;
        default:
          text.insert(place, text.substr(random() % text.size(), random() % 30));
      }
    }
    read += expect_same(text);
    if (HasFailure()) break;
  }
  EXPECT_GT(read, 5'000);
}

}  // namespace
}  // namespace holdfast::text
