// Golden: scripts/golden/lm_eval_metrics.py, made by lm-evaluation-harness' own metrics and filters.
#include "evaluation/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "evaluation/page.h"
#include "text/python_regex.h"

namespace holdfast::evaluation {
namespace {

class Metrics : public ::testing::Test {
 protected:
  const nlohmann::json golden_ =
      nlohmann::json::parse(read_file(std::string(HOLDFAST_SOURCE_DIR) + "/tests/golden/lm_eval_metrics.json"));
};

TEST_F(Metrics, OfChoicesAreThoseOfLmEvalTiesIncluded) {
  for (const auto& one : golden_["choices"]) {
    Item item;
    item.choices = one["choices"].get<std::vector<std::string>>();
    item.gold = one["gold"];
    item.true_choices = one["true_choices"].get<std::vector<int>>();
    const auto logprobs = one["logprobs"].get<std::vector<double>>();
    for (const char* metric : {"acc", "acc_norm", "acc_bytes"})
      EXPECT_EQ(score_choice({metric, {}}, item, logprobs).correct, one[metric].get<double>()) << one;
    EXPECT_NEAR(truthful_share(item, logprobs), one["mc2"].get<double>(), 1e-12) << one;
    EXPECT_NEAR(score_choice({"mc2", {}}, item, logprobs).score.value(), one["mc2"].get<double>(), 1e-12) << one;
  }
}

TEST_F(Metrics, OfAnswersAreThoseOfLmEvalsFilters) {
  std::size_t right = 0;
  for (const auto& one : golden_["answers"]) {
    const Page* page = find_page(one["page"].get<std::string>());
    ASSERT_NE(page, nullptr);
    for (const Metric& metric : page->metrics) {
      if (metric.name != one["metric"]) continue;
      EXPECT_EQ(extract_answer(metric.rule, one["answer"]), one["extracted"]) << one;
      for (std::size_t i = 0; i < one["targets"].size(); ++i) {
        Item item;
        item.accept = {one["targets"][i]};
        const Answer answer{{}, one["answer"]};
        EXPECT_EQ(score_match(metric, item, answer).correct, one["correct"][i]) << one << one["targets"][i];
        right += one["correct"][i].get<std::size_t>();
      }
    }
  }
  EXPECT_GE(right, 20u);
}

// The share of answers that follow all instructions, as the golden outcomes of each instruction say.
TEST(MetricOfInstructions, IsRightWhereLmEvalFindsAllFollowedAndUnscoredWhereNoRuleDecides) {
  const auto golden =
      nlohmann::ordered_json::parse(read_file(std::string(HOLDFAST_SOURCE_DIR) + "/tests/golden/ifeval.json"));
  const Page* page = find_page("ifeval");
  ASSERT_NE(page, nullptr);
  ASSERT_EQ(page->metrics.size(), 4u);
  std::size_t right = 0, wrong = 0, unscored = 0;
  for (const auto& row : golden["rows"]) {
    Item item;
    item.row = std::make_shared<const nlohmann::ordered_json>(
        nlohmann::ordered_json{{"instruction_id_list", {row[0]}}, {"kwargs", nlohmann::ordered_json::array({row[1]})}});
    for (std::size_t i = 0; i < 4; ++i) {
      const auto verdicts = score_answer(page->metrics[i], item, {{}, row[2]});
      ASSERT_EQ(verdicts.size(), 1u);
      const Verdict verdict = verdicts[0].verdict;
      if (verdict.outcome == Outcome::kUnscored) {
        EXPECT_EQ(verdict.failure, Failure::kUnreadable);
        EXPECT_EQ(verdict.correct, -1);
        ++unscored;
        continue;
      }
      const bool is_followed = row[3 + i % 2].is_boolean() && row[3 + i % 2].get<bool>();
      EXPECT_EQ(verdict.correct, is_followed ? 1 : 0) << page->metrics[i].name << row;
      (is_followed ? right : wrong)++;
    }
  }
  EXPECT_GE(right, 2000u);
  EXPECT_GE(wrong, 2000u);
  EXPECT_LT(unscored, 1200u);
}

TEST(MetricOfInstructions, StrictTakesTheAnswerAsItStandsAndLooseWithoutItsFirstLine) {
  Item item;
  item.row = std::make_shared<const nlohmann::ordered_json>(nlohmann::ordered_json{
      {"instruction_id_list", {"punctuation:no_comma", "detectable_format:title"}}, {"kwargs", {nullptr, nullptr}}});
  const Metric strict{"prompt_level_strict_acc", {}}, loose{"prompt_level_loose_acc", {}};
  const Answer answer{{}, "Sure, here:\n<<Wool>> warms"};
  const auto verdict = [&](const Metric& metric, const Answer& given) {
    return score_answer(metric, item, given).at(0).verdict;
  };
  EXPECT_EQ(verdict(strict, answer).correct, 0);
  EXPECT_EQ(verdict(loose, answer).correct, 1);
  EXPECT_EQ(verdict(loose, answer).outcome, Outcome::kAnswered);
  EXPECT_EQ(verdict(loose, {{}, " \n"}).correct, 0);
  EXPECT_EQ(verdict(loose, {{}, " \n"}).outcome, Outcome::kDegenerate);
}

TEST(MetricOfInstructions, OfEachHasAVerdictAnInstructionUnderItsName) {
  Item item;
  item.row = std::make_shared<const nlohmann::ordered_json>(nlohmann::ordered_json{
      {"instruction_id_list",
       {"punctuation:no_comma", "keywords:existence", "length_constraints:number_words", "keywords:existence"}},
      {"kwargs", {nullptr, {{"keywords", {"wool"}}}, nullptr, {{"keywords", {"yarn"}}}}}});
  const auto verdicts = score_answer({"inst_level_strict_acc", {}}, item, {{}, "Wool, warm"});
  std::vector<std::string> judges;
  std::vector<int> correct;
  for (const auto& [judge, verdict] : verdicts) {
    judges.push_back(judge);
    correct.push_back(verdict.correct);
    EXPECT_EQ(judge_family(judge), "inst_level_strict_acc");
    EXPECT_EQ(metric_of_judge(judge), "inst_level_strict_acc");
  }
  EXPECT_EQ(judges, (std::vector<std::string>{"inst_level_strict_acc:punctuation:no_comma",
                                              "inst_level_strict_acc:keywords:existence",
                                              "inst_level_strict_acc:length_constraints:number_words",
                                              "inst_level_strict_acc:keywords:existence:2"}));
  EXPECT_EQ(correct, (std::vector<int>{0, 1, -1, 0})) << "the number of words is not given: nobody can say";
  EXPECT_EQ(verdicts[2].verdict.failure, Failure::kUnreadable);
  EXPECT_EQ(score_answer({"inst_level_loose_acc", {}}, item, {{}, "Wool,\nyarn"})[0].verdict.correct, 1);
}

TEST(MetricOfChoices, IsUnscoredWhereAModelGivesNoNumber) {
  Item item;
  item.choices = {"wool", "yarn"};
  item.gold = 0;
  for (const char* metric : {"acc", "acc_norm", "acc_bytes", "mc1"})
    EXPECT_EQ(score_choice({metric, {}}, item, {std::nan(""), -1.0}).outcome, Outcome::kUnscored) << metric;
}

TEST(MetricNames, AndJudgeNamesStandForEachOther) {
  for (const char* metric :
       {"acc", "acc_norm", "acc_bytes", "mc1", "mc2", "exact_match", "exact_match_flexible", "prompt_level_strict_acc",
        "prompt_level_loose_acc", "inst_level_strict_acc", "inst_level_loose_acc"})
    EXPECT_EQ(metric_of_judge(judge_of_metric(metric)), metric);
  EXPECT_EQ(metric_of_judge("xstest-prefix"), "");
}

// From Python's documentation of re, and its answers where that has none.
TEST(PythonRegex, FindsAndReplacesAsPythonDoes) {
  using Groups = std::vector<std::vector<std::string>>;
  EXPECT_EQ(text::PythonRegex("(\\w+)=(\\d+)").find_all("set width=20 and height=10"),
            (Groups{{"width", "20"}, {"height", "10"}}));
  EXPECT_EQ(text::PythonRegex("x*").replace_all("abxd", "-"), "-a-b--d-");
  EXPECT_EQ(text::PythonRegex("(a)(b)?").find_all("abac"), (Groups{{"a", "b"}, {"a", ""}}));
  EXPECT_EQ(text::PythonRegex("\\.$").replace_all("one.\n", ""), "one\n");
  EXPECT_EQ(text::PythonRegex("(?s).*#### ").replace_all("a\nb #### c", ""), "c");
  EXPECT_EQ(text::PythonRegex("(k)(n)").replace_all("knit", "\\2\\1"), "nkit");
  EXPECT_EQ(text::PythonRegex("é?").replace_all("né", "."), ".n..");
}

}  // namespace
}  // namespace holdfast::evaluation
