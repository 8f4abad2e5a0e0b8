// Golden: scripts/golden/ifeval.py, lm-evaluation-harness' own functions over made-up answers to every instruction.
#include "evaluation/ifeval.h"

#include <gtest/gtest.h>

#include <map>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::ordered_json;

ordered_json row_of(const std::string& id, const ordered_json& kwargs) {
  return {{"prompt", ""}, {"instruction_id_list", {id}}, {"kwargs", ordered_json::array({kwargs})}};
}

TEST(Ifeval, DecidesAsTheReferenceWhereverItDecides) {
  const auto golden = ordered_json::parse(read_file(testing::source_directory() / "tests/golden/ifeval.json"));
  struct Count {
    int yes = 0, no = 0, unscored = 0;
  };
  std::map<std::string, Count> counts;
  for (const auto& row : golden["rows"]) {
    const std::string id = row[0], answer = row[2];
    const auto result = check_ifeval(row_of(id, row[1]), answer);
    ASSERT_EQ(result.instructions.size(), 1u);
    const auto& one = result.instructions[0];
    const Followed followed[] = {one.strict, one.loose};
    for (std::size_t i = 0; i < 2; ++i) {
      Count& count = counts[id];
      if (followed[i] == Followed::kUnscored) {
        ++count.unscored;
        EXPECT_FALSE(one.reason.empty());
        continue;
      }
      (followed[i] == Followed::kYes ? count.yes : count.no)++;
      if (row[3 + i].is_null()) {
        EXPECT_EQ(followed[i], Followed::kNo) << "only an empty answer is decided without parameters: " << row.dump();
        continue;
      }
      EXPECT_EQ(followed[i] == Followed::kYes, row[3 + i].get<bool>()) << (i == 0 ? "strict " : "loose ") << row.dump();
    }
  }
  EXPECT_EQ(counts.size(), 25u);
  int decided = 0, unscored = 0;
  for (const auto& [id, count] : counts) {
    EXPECT_GT(count.yes, 0) << id;
    EXPECT_GT(count.no, 0) << id;
    decided += count.yes + count.no;
    unscored += count.unscored;
    if (count.unscored > 0)
      std::cout << id << ": " << count.unscored << " of " << count.yes + count.no + count.unscored << " unscored\n";
  }
  std::cout << decided << " decided, " << unscored << " unscored\n";
  EXPECT_EQ(ifeval_instructions().size(), 25u);
}

TEST(Ifeval, APromptIsFollowedWhenEveryInstructionIs) {
  const auto check = [](const char* answer) {
    return check_ifeval(
        ordered_json{{"instruction_id_list",
                      {"punctuation:no_comma", "detectable_format:title", "length_constraints:number_sentences"}},
                     {"kwargs", {nullptr, ordered_json::object(), {{"num_sentences", 1}, {"relation", "at least"}}}}},
        answer);
  };
  EXPECT_EQ(check("<<Wool>> warms").strict(), Followed::kYes);
  EXPECT_EQ(check("<<Wool>>, warms").strict(), Followed::kNo);
  EXPECT_EQ(check("Sure, here:\n<<Wool>> warms").strict(), Followed::kNo);
  EXPECT_EQ(check("Sure, here:\n<<Wool>> warms").loose(), Followed::kYes) << "without the first line";
  EXPECT_EQ(check("<<Wool>> said Mr. Yarn").strict(), Followed::kUnscored);
  EXPECT_EQ(check("Wool, said Mr. Yarn").strict(), Followed::kNo) << "one that is not followed decides";
  EXPECT_EQ(check("").strict(), Followed::kNo);
}

TEST(Ifeval, RefusesRowsOfAnotherShape) {
  EXPECT_THROW(check_ifeval(ordered_json::object(), "a"), Error);
  EXPECT_THROW(check_ifeval(row_of("knitting:purl", {}), "a"), Error);
  EXPECT_THROW(check_ifeval(row_of("punctuation:no_comma", 5), "a"), Error);
  EXPECT_EQ(check_ifeval(row_of("keywords:existence", {{"keywords", {"(wool"}}}), "a").strict(), Followed::kUnscored);
}

}  // namespace
}  // namespace holdfast::evaluation
