// Every character of Unicode goes where the `tokenizers` library puts it: scripts/golden/unicode.py.
#include "text/unicode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "base/hash.h"
#include "shared_data.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/regex.h"
#include "text/unicode_tables.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

json golden() { return json::parse(read_file(testing::source_directory() / "tests/golden/unicode.json")); }

std::vector<std::int32_t> all_characters() {
  std::set<std::int32_t> all;
  for (std::int32_t c = 0; c < 0x34000; ++c) all.insert(c);
  for (std::int32_t c = 0xE0000; c < 0xE0200; ++c) all.insert(c);
  for (std::int32_t plane = 0; plane < 17; ++plane) {
    for (const std::int32_t low : {0, 1, 0xFFFE, 0xFFFF}) all.insert(plane << 16 | low);
  }
  std::erase_if(all, [](std::int32_t c) { return c >= 0xD800 && c <= 0xDFFF; });
  return {all.begin(), all.end()};
}

TEST(Unicode, PatternsFindTheCharactersThatTheLibraryFinds) {
  const std::string text = to_utf8(all_characters());
  const json sets = golden()["sets"];
  int patterns = 0;
  for (const auto& [pattern, digest] : sets.items()) {
    if (std::isalpha(static_cast<unsigned char>(pattern[0]))) continue;
    std::string found;
    for (const auto& [begin, end] : Regex(pattern).find_all(text)) found.append(text, begin, end - begin);
    EXPECT_EQ(sha256(found), digest) << pattern << " finds " << count_code_points(found);
    ++patterns;
  }
  EXPECT_GT(patterns, 50);
}

TEST(Unicode, PreTokenizersPartTheCharactersThatTheLibraryParts) {
  for (const char* type : {"Digits", "Punctuation", "Whitespace", "WhitespaceSplit"}) {
    const PreTokenizer split = make_pre_tokenizer({{"type", type}, {"individual_digits", true}}, type);
    std::string found;
    for (const std::int32_t c : all_characters()) {
      if (split({{"a" + to_utf8({c}) + "a", true}}).size() != 1) append_utf8(found, c);
    }
    EXPECT_EQ(sha256(found), golden()["sets"][type]) << type << " parts " << count_code_points(found);
  }
}

TEST(Unicode, NormalisersChangeTheCharactersThatTheLibraryChanges) {
  const json normal = golden()["normal"];
  for (const auto& [type, digest] : normal.items()) {
    const Normalizer normalize = make_normalizer({{"type", type}}, type);
    std::string all;
    for (const std::int32_t c : all_characters()) {
      const std::string one = to_utf8({c});
      all += normalize(one) + "\n" + normalize("a\xCC\xA3" + one + "\xCC\x81") + "\n";
    }
    EXPECT_EQ(sha256(all), digest) << type;
  }
}

TEST(Unicode, StandInsAreAsLongAsWhatTheyStandFor) {
  for (const StandIn& one : kStandIns) {
    EXPECT_EQ(to_utf8({one.first}).size(), to_utf8({one.stand_in}).size()) << one.first;
    EXPECT_EQ(to_utf8({one.last}).size(), to_utf8({one.stand_in}).size()) << one.last;
    EXPECT_EQ(find_range(kStandIns, one.stand_in), nullptr) << "the stand-in of " << one.first << " has one itself";
  }
}

// A pattern that names such a character itself means it, not what stands for it.
TEST(Unicode, APatternMayNameACharacterThatPcreDoesNotKnow) {
  const std::string ideograph = to_utf8({0x31350}), other = to_utf8({0x31351});
  ASSERT_NE(find_range(kStandIns, 0x31350), nullptr);
  const auto found = Regex(ideograph).find_all(other + ideograph);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].first, 4u);
}

}  // namespace
}  // namespace holdfast::text
