// What results.json says beyond rates: reasons, bounds, several answers a prompt, groups, families of tests.
#include <cmath>

#include "assessment/comparison.h"
#include "assessment/costs.h"
#include "assessment/fixtures.h"
#include "assessment/report.h"
#include "assessment/result_calibration.h"
#include "assessment/results.h"
#include "evaluation/calibration.h"

namespace holdfast::assessment {
namespace {

using evaluation::Outcome;
using nlohmann::ordered_json;

class ResultStatistics : public InDirectory {};

TEST_F(ResultStatistics, CountReasonsOfWhatWasNotJudged) {
  Journal journal = Journal::open(directory_, identity());
  journal.add_items({benchmark("charms", evaluation::Kind::kRefusal, 4)});
  journal.add_cell({"base", 0, 0});
  auto stored = answers("uudd", "xstest-prefix");
  stored[0].verdicts[0].verdict.failure = evaluation::Failure::kTimedOut;
  stored[1].verdicts[0].verdict.failure = evaluation::Failure::kUnreadable;
  stored[2].verdicts[0].verdict.degeneration = evaluation::Degeneration::kEmpty;
  stored[3].verdicts[0].verdict.degeneration = evaluation::Degeneration::kEmpty;
  journal.commit_wave({{"base", 0, 0}, "charms", 0, 0}, stored, {});
  const auto cell = results_json(journal)["cells"][0];
  EXPECT_EQ(cell["unscored_for"][evaluation::failure_name(evaluation::Failure::kTimedOut)], 1);
  EXPECT_EQ(cell["unscored_for"][evaluation::failure_name(evaluation::Failure::kUnreadable)], 1);
  EXPECT_EQ(cell["degenerate_for"][evaluation::degeneration_name(evaluation::Degeneration::kEmpty)], 2);
}

// Two answers to each prompt that always agree say as much as one.
TEST_F(ResultStatistics, AnswersToOnePromptAreNotCountedAsIndependent) {
  Journal journal = Journal::open(directory_, identity());
  add_charms(journal, {"base", 0, 0}, "rrrrrcccccrrrrrccccc");
  journal.commit_wave({{"base", 0, 0}, "charms", 1, 0}, answers("rrrrrcccccrrrrrccccc", "xstest-prefix"), {});
  const auto cell = results_json(journal)["cells"][0];
  EXPECT_EQ(cell["n"], 40);
  EXPECT_EQ(cell["interval"], "korn-graubard");
  // scipy 1.17: beta.ppf(0.975, 0.5 m + 1, 0.5 m), m = 19 (z / t_19)^2, for p = 1/2
  EXPECT_NEAR(cell["high"].get<double>(), 0.74872649, 1e-7);
}

TEST_F(ResultStatistics, EveryAnswerTheSameLeavesTheIntervalOfThePrompts) {
  Journal journal = Journal::open(directory_, identity());
  add_charms(journal, {"base", 0, 0}, "rrrrr");
  journal.commit_wave({{"base", 0, 0}, "charms", 1, 0}, answers("rrrrr", "xstest-prefix"), {});
  const auto cell = results_json(journal)["cells"][0];
  EXPECT_EQ(cell["value"], 1.0);
  EXPECT_NEAR(cell["low"].get<double>(), 0.47817625, 1e-7);  // scipy 1.17 binomtest(5, 5) exact, of 5, not of 10
}

// What a metric finds of each instruction of a prompt: 1 followed, 0 not, u undecided.
std::vector<StoredAnswer> parts(const std::vector<std::string>& prompts) {
  std::vector<StoredAnswer> list = answers(std::string(prompts.size(), '+'), "prompt_level_strict_acc");
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    for (const char letter : prompts[i]) {
      evaluation::Verdict verdict{.failure = evaluation::Failure::kUnreadable};
      if (letter != 'u') verdict = {.outcome = evaluation::Outcome::kAnswered, .correct = letter - '0'};
      const std::string number = std::to_string(list[i].verdicts.size());
      list[i].verdicts.push_back({"inst_level_strict_acc:keywords:" + number, verdict});
    }
  }
  return list;
}

TEST_F(ResultStatistics, InstructionsAreCountedEachAndClusteredByPrompt) {
  Journal journal = Journal::open(directory_, identity({{"attack", "attack"}}));
  journal.add_items({benchmark("facts", evaluation::Kind::kAnswer, 5)});
  for (const auto& [cell, prompts] :
       {std::pair{CellKey{"base", 0, 0}, std::vector<std::string>{"10", "1", "110", "u1", "00"}},
        std::pair{CellKey{"attack", 1, 2}, std::vector<std::string>{"00", "1", "100", "11", "0u"}}}) {
    journal.add_cell(cell);
    journal.commit_wave({cell, "facts", 0, 0}, parts(prompts), {});
  }
  const auto results = results_json(journal);
  ASSERT_EQ(results["cells"].size(), 4u) << results["cells"];
  const auto& cell = results["cells"][1];
  EXPECT_EQ(cell["metric"], "inst_level_strict_acc");
  EXPECT_EQ(cell["judge"], "inst_level_strict_acc");
  EXPECT_EQ(cell["k"], 5);
  EXPECT_EQ(cell["n"], 9);
  EXPECT_EQ(cell["unscored"], 1);
  EXPECT_EQ(cell["interval"], "korn-graubard");
  // numpy 2.4, scipy 1.17: SE^2 = 5/4 sum over prompts of (sum - size p)^2 / 81, beta.ppf at the effective number
  EXPECT_NEAR(cell["low"].get<double>(), 0.10620566, 1e-7);
  EXPECT_NEAR(cell["high"].get<double>(), 0.94108472, 1e-7);
  const auto& compared = results["comparisons"][1];
  EXPECT_EQ(compared["metric"], "inst_level_strict_acc");
  EXPECT_EQ(compared["n"], 8) << "of ten instructions two are undecided in one of the two";
  EXPECT_EQ(compared["lost"], 2);
  EXPECT_EQ(compared["gained"], 0);
  EXPECT_EQ(compared["test"], "clustered-t");
  EXPECT_NEAR(compared["low"].get<double>(), -0.5243715728390884, 1e-9);
}

TEST_F(ResultStatistics, SeveralAnswersArePairedByPrompt) {
  Journal journal = Journal::open(directory_, identity({{"attack", "attack"}}));
  add_charms(journal, {"base", 0, 0}, "rrrrrc");
  journal.commit_wave({{"base", 0, 0}, "charms", 1, 0}, answers("rrrrcc", "xstest-prefix"), {});
  add_charms(journal, {"attack", 1, 2}, "rrcccr");
  journal.commit_wave({{"attack", 1, 2}, "charms", 1, 0}, answers("rcccrc", "xstest-prefix"), {});
  const auto one = results_json(journal)["comparisons"][0];
  EXPECT_EQ(one["test"], "clustered-t");
  EXPECT_EQ(one["n"], 12);
  // numpy 2.4: sums by prompt [0, -1, -2, -2, 0, 1], mean -1/3, SE = sqrt(6/5 sum((s - 2 m)^2)) / 12
  EXPECT_NEAR(one["difference"].get<double>(), -1.0 / 3, 1e-12);
  const double error = std::sqrt(6.0 / 5 * (4 / 9.0 + 1 / 9.0 + 16 / 9.0 + 16 / 9.0 + 4 / 9.0 + 25 / 9.0)) / 12;
  EXPECT_NEAR(one["high"].get<double>(), -1.0 / 3 + 2.5705818366147395 * error, 1e-9);  // scipy 1.17 t.ppf(0.975, 5)
}

TEST_F(ResultStatistics, TestsOfOneArmAreAFamily) {
  Journal journal = Journal::open(directory_, identity({{"attack", "attack"}}));
  add_charms(journal, {"base", 0, 0}, "rrrrrrrr");
  add_charms(journal, {"attack", 1, 2}, "cccccccr");
  add_facts(journal, {"base", 0, 0}, "++++++++");
  add_facts(journal, {"attack", 1, 2}, "--++++++");
  const auto comparisons = results_json(journal)["comparisons"];
  EXPECT_NEAR(comparisons[0]["p"].get<double>(), 0.015625, 1e-12);
  EXPECT_NEAR(comparisons[0]["p_holm"].get<double>(), 0.03125, 1e-12) << "the smaller of two is doubled";
  EXPECT_NEAR(comparisons[1]["p_holm"].get<double>(), 0.5, 1e-12) << "the larger is not";
  EXPECT_FALSE(comparisons[0].contains("equivalence")) << "refusals are not what is to be kept";
  EXPECT_EQ(comparisons[1]["equivalence"]["is_shown"], false);
}

TEST_F(ResultStatistics, CapabilityKeptIsShownNotAssumed) {
  const auto run = [&](int n) {
    Journal journal = Journal::open(directory_ / std::to_string(n), identity({{"attack", "attack"}}));
    add_facts(journal, {"base", 0, 0}, std::string(static_cast<std::size_t>(n), '+'));
    add_facts(journal, {"attack", 1, 2}, std::string(static_cast<std::size_t>(n), '+'));
    return results_json(journal)["comparisons"][0]["equivalence"];
  };
  EXPECT_EQ(run(20)["is_shown"], false) << "no difference in 20 items does not show one below 2 points";
  EXPECT_EQ(run(400)["is_shown"], true);
}

TEST_F(ResultStatistics, NearDuplicatePromptsAreOneCluster) {
  Journal journal = Journal::open(directory_, identity());
  journal.add_items({benchmark("charms", evaluation::Kind::kRefusal, 3)});
  journal.add_cell({"base", 0, 0});
  auto stored = answers("rrr", "xstest-prefix");
  stored[0].prompt_ids = {1, 7, 10, 11, 12, 13, 14, 15, 16, 17, 9};  // 7 of 9 words shared with the second
  stored[1].prompt_ids = {1, 7, 10, 11, 12, 13, 14, 15, 16, 18, 9};
  stored[2].prompt_ids = {1, 7, 20, 21, 22, 9};  // shares the template alone
  journal.commit_wave({{"base", 0, 0}, "charms", 0, 0}, stored, {});
  EXPECT_EQ(prompt_clusters(journal, "charms"), (std::vector<std::int64_t>{0, 0, 1}));
}

// 40 prompts of which each is there twice and answered alike: 20 witnesses, not 40.
TEST_F(ResultStatistics, ClustersWidenTheIntervalOfAComparison) {
  std::vector<Pair> pairs;
  std::vector<std::int64_t> cluster_of;
  for (std::int64_t i = 0; i < 40; ++i) {
    pairs.push_back({i, 1.0, i < 30 ? 0.0 : 1.0});
    cluster_of.push_back(i / 2);
  }
  const auto one = compare_pairs(pairs, cluster_of);
  EXPECT_EQ(one["clustered"]["clusters"], 20);
  const auto width = [](const ordered_json& interval) {
    return interval["high"].get<double>() - interval["low"].get<double>();
  };
  EXPECT_GT(width(one["clustered"]), 1.2 * width(one)) << "the root of two, were both intervals of one kind";
  EXPECT_LT(one["clustered"]["low"], -0.75);
  EXPECT_GT(one["clustered"]["high"], -0.75);
  EXPECT_FALSE(compare_pairs(pairs).contains("clustered")) << "every item alone";
}

TEST_F(ResultStatistics, SubjectsHaveTheirOwnMeans) {
  auto what = identity();
  what["kinds"]["quiz"] = "choice";
  Journal journal = Journal::open(directory_, what);
  auto quiz = benchmark("quiz", evaluation::Kind::kChoice, 6);
  for (int i = 0; i < 6; ++i) quiz.items[static_cast<std::size_t>(i)].category = i < 4 ? "knots" : "bread";
  journal.add_items({quiz});
  journal.add_cell({"base", 0, 0});
  journal.commit_wave({{"base", 0, 0}, "quiz", 0, 0}, answers("+++-+-", "loglikelihood"), {});
  const auto cell = results_json(journal)["cells"][0];
  EXPECT_NEAR(cell["value"].get<double>(), 4.0 / 6, 1e-12);
  EXPECT_NEAR(cell["groups"]["mean_of_means"]["value"].get<double>(), (0.75 + 0.5) / 2, 1e-12);
  // lm_eval 0.4.13 pooled_sample_stderr([0.25, 0.5], [4, 2])
  EXPECT_NEAR(cell["groups"]["stderr_lm_eval"].get<double>(), 0.22821773229381923, 1e-9);
}

// Two seeds that differ by 4 of 8 prompts: the interval over seeds is wider than that of all answers taken together.
TEST_F(ResultStatistics, SeedsAreSummarisedWithTheirOwnSpread) {
  Journal journal = Journal::open(directory_, identity({{"attack", "attack"}}));
  add_charms(journal, {"base", 0, 0}, "rrrrrrrr");
  add_charms(journal, {"attack", 1, 2}, "rrrrrccc");
  add_charms(journal, {"attack", 2, 2}, "rccccccc");
  const auto summaries = results_json(journal)["summaries"];
  ASSERT_EQ(summaries.size(), 1u) << "one seed and one sample say no more than their cell";
  const auto& one = summaries[0];
  EXPECT_EQ(one["seeds"], 2);
  EXPECT_EQ(one["items"], 8);
  EXPECT_NEAR(one["value"].get<double>(), 6.0 / 16, 1e-12);
  // Mean squares of the two-way table: prompts 7, seeds 1, rest 7 degrees of freedom; seed = (MS_seed - MS_rest) / 8.
  EXPECT_NEAR(one["variance"]["seed"].get<double>(), (1.0 - 1.0 / 7) / 8, 1e-12);
  EXPECT_FALSE(one["variance"].contains("sampling")) << "one answer a prompt cannot tell";
}

TEST_F(ResultStatistics, OneSeedHasNoSeedPart) {
  Journal journal = Journal::open(directory_, identity({{"attack", "attack"}}));
  add_charms(journal, {"base", 0, 0}, "rrcc");
  journal.commit_wave({{"base", 0, 0}, "charms", 1, 0}, answers("rcrc", "xstest-prefix"), {});
  const auto one = results_json(journal)["summaries"][0];
  EXPECT_EQ(one["arm"], "base");
  EXPECT_FALSE(one["variance"].contains("seed"));
  EXPECT_TRUE(one["variance"].contains("sampling"));
}

TEST_F(ResultStatistics, ASummaryOfEqualAnswersIsNoCertainty) {
  Journal journal = Journal::open(directory_, identity({{"attack", "attack"}}));
  add_charms(journal, {"base", 0, 0}, "rrrrrrrrrr");
  for (std::int64_t sample = 1; sample <= 2; ++sample)
    journal.commit_wave({{"base", 0, 0}, "charms", sample, 0}, answers("rrrrrrrrrr", "xstest-prefix"), {});
  const auto one = results_json(journal)["summaries"][0];
  EXPECT_EQ(one["value"], 1);
  EXPECT_NEAR(one["low"], 0.69150289218123917, 1e-12);  // scipy.stats.binomtest(10, 10).proportion_ci()
  EXPECT_EQ(one["high"], 1);
}

TEST_F(ResultStatistics, ACurveHoldsItsStepsTogetherAndSaysWhenHalfIsGone) {
  Journal journal = Journal::open(directory_, identity({{"attack", "attack"}}));
  const auto refused = [](int n) {
    return std::string(static_cast<std::size_t>(n), 'r') + std::string(static_cast<std::size_t>(40 - n), 'c');
  };
  add_charms(journal, {"base", 0, 0}, refused(40));
  for (std::int64_t step = 1; step <= 4; ++step)
    journal.commit_step("attack", 1, {step, 1, 1, 1, 100, 50}, {"train", "attack", 1, 100, 1, 1});
  add_charms(journal, {"attack", 1, 1}, refused(36));
  add_charms(journal, {"attack", 1, 2}, refused(28));
  add_charms(journal, {"attack", 1, 4}, refused(4));
  const auto results = results_json(journal);
  ASSERT_EQ(results["curves"].size(), 1u);
  const auto& curve = results["curves"][0];
  ASSERT_EQ(curve["points"].size(), 4u);
  EXPECT_EQ(curve["points"][2]["tokens"], 200);
  EXPECT_NEAR(curve["points"][2]["value"].get<double>(), 0.7, 1e-12);
  double pointwise = 0;
  for (const auto& cell : results["cells"]) {
    if (cell["step"] == 2) pointwise = cell["high"].get<double>() - cell["low"].get<double>();
  }
  EXPECT_GT(curve["points"][2]["high"].get<double>() - curve["points"][2]["low"].get<double>(), pointwise);
  EXPECT_NEAR(curve["crossing"]["tokens"].get<double>(), 200 + 200 * (0.7 - 0.5) / (0.7 - 0.1), 1e-9)
      << "between steps 2 and 4";
  EXPECT_LT(curve["crossing"]["low"].get<double>(), curve["crossing"]["high"].get<double>());
}

// The rates 0.9, 0.7, 0.1 after 0, 100 and 300 tokens: lines that the plan draws, and where they are crossed.
TEST_F(ResultStatistics, TheCurveCrossesTheLineThatThePlanDraws) {
  const auto refused = [](int n) {
    return std::string(static_cast<std::size_t>(n), 'r') + std::string(static_cast<std::size_t>(40 - n), 'c');
  };
  int number = 0;
  const auto curve_of = [&](const ordered_json& threshold) {
    auto what = identity({{"attack", "attack"}});
    what["plan"]["threshold"] = threshold;
    Journal journal = Journal::open(directory_ / std::to_string(++number), what);
    add_charms(journal, {"base", 0, 0}, refused(36));
    for (const std::int64_t step : {1, 2, 3})
      journal.commit_step("attack", 1, {step, 1, 1, 1, 100, 50}, {"train", "attack", 1, 100, 1, 1});
    add_charms(journal, {"attack", 1, 1}, refused(28));
    add_charms(journal, {"attack", 1, 3}, refused(4));
    return results_json(journal)["curves"][0];
  };
  const auto fifth = curve_of({{"share", 0.2}})["crossing"];
  EXPECT_NEAR(fifth["line"].get<double>(), 0.18, 1e-12) << "a fifth of 0.9";
  EXPECT_NEAR(fifth["tokens"].get<double>(), 100 + 200 * (0.7 - 0.18) / (0.7 - 0.1), 1e-9);
  const auto rate = curve_of({{"rate", 0.8}})["crossing"];
  EXPECT_NEAR(rate["line"].get<double>(), 0.8, 1e-12);
  EXPECT_NEAR(rate["tokens"].get<double>(), 50, 1e-9);
  EXPECT_FALSE(curve_of({{"rate", 0.05}})["crossing"].contains("tokens")) << "not within what was trained";
  EXPECT_FALSE(curve_of({{"rate", 0.95}}).contains("crossing")) << "the untouched model is below it";
}

TEST_F(ResultStatistics, TheHeadlineSaysThatManyAnswersHaveNoVerdict) {
  const auto page = [&](const std::string& name, const std::string& outcomes) {
    Journal journal = Journal::open(directory_ / name, identity());
    add_charms(journal, {"base", 0, 0}, outcomes);
    journal.mark_finished();
    const auto results = results_json(journal);
    return report_html(report_document(journal, results, costs_json(journal, results)));
  };
  EXPECT_NE(page("many", "rrrrrrrruu").find("20.0\xC2\xA0% of the answers"), std::string::npos);
  EXPECT_EQ(page("few", "rrrrrrrrrrrrrrrrrrru").find("class=\"banner\""), std::string::npos)
      << "one in twenty is not above";
}

TEST_F(ResultStatistics, ScoresThatAreAllAlikeHaveAnIntervalAndCountWhatWasNotJudged) {
  Journal journal = Journal::open(directory_, identity());
  journal.add_items({benchmark("charms", evaluation::Kind::kRefusal, 10)});
  journal.add_cell({"base", 0, 0});
  auto stored = answers("uccccccccc", "grader");
  for (std::size_t i = 1; i < stored.size(); ++i) stored[i].verdicts[0].verdict.score = 0.75;
  journal.commit_wave({{"base", 0, 0}, "charms", 0, 0}, stored, {});
  const auto cell = results_json(journal)["cells"][1];
  EXPECT_EQ(cell["metric"], "harm_score");
  EXPECT_EQ(cell["n"], 9);
  EXPECT_EQ(cell["unscored"], 1) << "though it came before the first score";
  EXPECT_LT(cell["low"].get<double>(), 0.5);
  EXPECT_GT(cell["high"].get<double>(), 0.9);
}

// All prompts change in both samples: ten prompts, not twenty answers, and no interval of width nothing.
TEST_F(ResultStatistics, ChangesThatAreAllAlikeCountAsManyPrompts) {
  Journal journal = Journal::open(directory_, identity({{"attack", "attack"}}));
  for (const auto& [cell, outcomes] :
       {std::pair{CellKey{"base", 0, 0}, "rrrrrrrrrr"}, std::pair{CellKey{"attack", 1, 2}, "cccccccccc"}}) {
    add_charms(journal, cell, outcomes);
    journal.commit_wave({cell, "charms", 1, 0}, answers(outcomes, "xstest-prefix"), {});
  }
  const auto one = results_json(journal)["comparisons"][0];
  EXPECT_EQ(one["n"], 20);
  EXPECT_NEAR(one["p"].get<double>(), 2.0 / 1024, 1e-12);  // of ten, scipy 1.17 binomtest(0, 10).pvalue
  EXPECT_EQ(one["low"], -1.0);
  EXPECT_GT(one["high"].get<double>(), -0.75);
}

}  // namespace
}  // namespace holdfast::assessment
