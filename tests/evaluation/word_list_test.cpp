#include "evaluation/judges/word_list.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "evaluation/judges/phrase_matcher.h"
#include "shared_data.h"
#include "text/records.h"

namespace holdfast::evaluation {
namespace {

WordList list(const std::string& match, bool ignores_case, const std::string& strings) {
  return WordList("name = \"mine\"\nmatch = \"" + match + "\"\nignores_case = " + (ignores_case ? "true" : "false") +
                      "\nstrings = " + strings + "\n",
                  "mine.toml");
}

std::string error_of(const std::string& toml_text) {
  try {
    WordList(toml_text, "mine.toml");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(PhraseMatcher, FindsPhrasesThatOverlapAndThoseWithinOthers) {
  const PhraseMatcher matcher({"he", "she", "his", "hers"});
  for (const char* text : {"ushers", "this", "xxhe", "shhis", "hhhhe"}) EXPECT_TRUE(matcher.holds(text)) << text;
  for (const char* text : {"", "h", "s", "hi", "shirt h", "HE"}) EXPECT_FALSE(matcher.holds(text)) << text;
  const PhraseMatcher within({"abcd", "bc"});
  EXPECT_TRUE(within.holds("abce"));
  EXPECT_FALSE(PhraseMatcher().holds("anything"));
}

TEST(PhraseMatcher, EqualsASearchForEachPhrase) {
  const std::vector<std::string> phrases = {"aab", "abab", "bbba", "baa", "\xC3\xA9"};
  for (int number = 0; number < 4096; ++number) {
    std::string text;
    for (int bit = 0; bit < 12; ++bit) text += (number >> bit & 1) != 0 ? 'a' : 'b';
    bool expected = false;
    for (const std::string& one : phrases) expected = expected || text.find(one) != std::string::npos;
    EXPECT_EQ(PhraseMatcher(phrases).holds(text), expected) << text;
  }
}

// Phrases of four bytes and more, whose beginnings are looked for first; the ends of texts and capitals among them.
TEST(PhraseMatcher, EqualsASearchForEachLongerPhrase) {
  const std::vector<std::string> phrases = {"aabb", "abab", "bbbab", "baaab", "ab\xC3\xA9z"};
  const PhraseMatcher matcher(phrases), folding({"aabb", "abab", "bbbab", "baaab"}, true);
  for (int number = 0; number < 8192; ++number) {
    std::string text, mixed;
    for (int bit = 0; bit < 13; ++bit) {
      text += (number >> bit & 1) != 0 ? 'a' : 'b';
      mixed += static_cast<char>(text.back() - ((number * 7 + bit) % 3 == 0 ? 32 : 0));
    }
    for (std::size_t begin = 0; begin < text.size(); begin += 3) {
      const std::string end = text.substr(begin);
      bool expected = false;
      for (const std::string& one : phrases) expected = expected || end.find(one) != std::string::npos;
      EXPECT_EQ(matcher.holds(end), expected) << end;
      EXPECT_EQ(folding.holds(mixed.substr(begin)), expected) << mixed.substr(begin);
    }
  }
  EXPECT_TRUE(matcher.holds("xxab\xC3\xA9z"));
  EXPECT_FALSE(matcher.holds("xxAB\xC3\xA9z"));
}

// Golden: scripts/golden/judge_lists.py, the same lists by Python's own string methods on 750 real answers.
TEST(WordLists, EqualPythonOnLabelledAnswersAndAreHashedAsTheyRead) {
  const auto golden = nlohmann::json::parse(read_file(testing::source_directory() / "tests/golden/judge_lists.json"));
  ASSERT_EQ(shipped_word_lists().size(), golden.size());
  for (const WordList& one : shipped_word_lists()) {
    SCOPED_TRACE(one.name());
    std::string joined;
    for (const std::string& text : one.strings()) joined += (joined.empty() ? "" : "\n") + text;
    EXPECT_EQ(one.strings().size(), golden[one.name()]["strings"].get<std::size_t>());
    EXPECT_EQ(sha256(joined), golden[one.name()]["strings_sha256"]);
    EXPECT_EQ(one.sha256(), golden[one.name()]["sha256"]);
  }
  const auto path = testing::shared_data() / "benchmarks/xstest/safe_prompts_labelled_completions.csv";
  HOLDFAST_NEEDS(path);
  const auto records = text::read_records(path);
  for (const WordList& one : shipped_word_lists()) {
    struct Tally {
      int both = 0, human_only = 0, judge_only = 0, neither = 0;
      std::string refused;
    };
    std::map<std::string, Tally> tallies;
    for (const auto& record : records) {
      const auto field = [&](const char* name) { return record.value.at(name).get<std::string>(); };
      const bool is_human = field("final_label") != "1_full_compliance";
      const bool is_judge =
          one.judge({{}, field("completion"), false}, TruncatedPolicy::kJudge).outcome == Outcome::kRefusal;
      Tally& tally = tallies[field("model")];
      ++(is_human ? (is_judge ? tally.both : tally.human_only) : (is_judge ? tally.judge_only : tally.neither));
      if (is_judge) tally.refused += (tally.refused.empty() ? "" : "\n") + field("id");
    }
    for (const auto& [model, tally] : tallies) {
      SCOPED_TRACE(one.name() + " " + model);
      const auto& expected = golden[one.name()]["models"][model];
      EXPECT_EQ(tally.both, expected["both"]);
      EXPECT_EQ(tally.human_only, expected["human_only"]);
      EXPECT_EQ(tally.judge_only, expected["judge_only"]);
      EXPECT_EQ(tally.neither, expected["neither"]);
      EXPECT_EQ(sha256(tally.refused), expected["refused_sha256"]);
    }
  }
}

TEST(WordLists, OfAUserMatchAsTheirFileSays) {
  const auto says = [](const WordList& one, const std::string& text) { return one.refuses(text); };
  EXPECT_TRUE(says(list("substring", true, "[\"no knitting\"]"), "Sadly, NO Knitting today."));
  EXPECT_FALSE(says(list("substring", false, "[\"no knitting\"]"), "Sadly, NO Knitting today."));
  EXPECT_TRUE(says(list("prefix", false, "[\"Never\"]"), "\n\tNever knit."));
  EXPECT_FALSE(says(list("prefix", false, "[\"Never\"]"), "I never knit."));
  EXPECT_FALSE(says(list("prefix", false, "[\"never\"]"), "Never knit."));
  EXPECT_TRUE(says(list("prefix", true, "[\"\u00fcber\"]"), "\u00dcber das Stricken sage ich nichts."));
  EXPECT_TRUE(
      says(list("prefix", true, "[\"kkkk\"]"), "\u212a\u212a\u212a\u212a"));  // the sign of kelvin, 3 bytes each
  EXPECT_NE(list("substring", true, "[\"no\"]").sha256(), list("substring", false, "[\"no\"]").sha256());
  EXPECT_NE(list("substring", true, "[\"no\"]").sha256(), list("substring", true, "[\"no\", \"on\"]").sha256());
}

TEST(WordLists, OfPlainLinesAreFoundAnywhereWithTheirCase) {
  const auto folder = std::filesystem::temp_directory_path() / "holdfast_plain_list";
  std::filesystem::create_directories(folder);
  const auto read = [&](const std::string& lines) {
    write_file_atomic(folder / "knitters.txt", lines);
    return read_word_list(folder / "knitters.txt");
  };
  const WordList one = read("  No knitting \r\n\nsays \"no\"\\\nlast");
  EXPECT_EQ(one.name(), "knitters");
  EXPECT_EQ(one.strings(), (std::vector<std::string>{"No knitting", "says \"no\"\\", "last"}));
  EXPECT_TRUE(one.refuses("Sadly: No knitting today."));
  EXPECT_FALSE(one.refuses("Sadly: no knitting today."));
  EXPECT_EQ(one.sha256(), list("substring", false, "['No knitting', 'says \"no\"\\', 'last']").sha256());
  for (const char* lines : {"", " \n\n", "\xFF\xFE\n"}) EXPECT_THROW(read(lines), Error) << lines;
  std::filesystem::remove_all(folder);
}

TEST(WordLists, OfAUserThatAreWrongAreRefusedWithTheirPlace) {
  const std::string name = "name = \"mine\"\n", match = "match = \"prefix\"\n", strings = "strings = [\"no\"]\n";
  EXPECT_EQ(error_of(name + match + strings), "no error");
  EXPECT_NE(error_of(name + match).find("[judge] mine.toml: found no strings"), std::string::npos);
  EXPECT_NE(error_of(name + match + "strings = [\"\"]\n").find("mine.toml:3: found no text, or an empty one"),
            std::string::npos);
  EXPECT_NE(error_of(name + "match = \"regex\"\n" + strings).find("mine.toml:2: found match 'regex'"),
            std::string::npos);
  EXPECT_NE(error_of(name + match + strings + "nocase = true\n").find("mine.toml:4: found the key 'nocase'"),
            std::string::npos);
  EXPECT_NE(error_of(name + match + "ignores_case = true\nstrings = [\"No\"]\n").find("expected it in lower case"),
            std::string::npos);
  EXPECT_NE(error_of("name = \"a,b\"\n" + match + strings).find("without commas"), std::string::npos);
  EXPECT_NE(error_of("name = ").find("mine.toml:1: found text that is no TOML"), std::string::npos);
  EXPECT_NE(error_of(name + match + "strings = [\"" + std::string(70000, 'x') + "\"]\n").find("try two lists"),
            std::string::npos);
}

}  // namespace
}  // namespace holdfast::evaluation
