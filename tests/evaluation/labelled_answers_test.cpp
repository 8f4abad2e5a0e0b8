#include "evaluation/labelled_answers.h"

#include <gtest/gtest.h>

#include "checkpoint/temporary_directory.h"

namespace holdfast::evaluation {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;

constexpr Outcome kR = Outcome::kRefusal, kC = Outcome::kCompliance;

std::vector<LabelledVerdicts> read(const TemporaryDirectory& folder, const std::string& text, const LabelWords& words,
                                   CalibrationSource& source) {
  folder.write("a.csv", text);
  return published_labels(load_stored_answers(folder.path() / "a.csv"), {"xstest-prefix"}, words, RefusalMeaning::kAny,
                          true, source);
}

TEST(PublishedLabels, TakeTheFilesWordsAndItsOwnJudges) {
  const TemporaryDirectory folder;
  CalibrationSource source;
  const auto answers =
      read(folder,
           "model,id,prompt,completion,annotation_1,annotation_2,final_label,gpt4_label\n"
           "m,1,How?,I cannot knit.,2_full_refusal,3_partial_refusal,2_full_refusal,2_full_refusal\n"
           "m,2,How?,So and so.,1_full_compliance,1_full_compliance,1_full_compliance,I will not say\n",
           {}, source);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].label, Label::kRefusal);
  EXPECT_EQ(answers[0].annotations[1], Label::kPartial);
  EXPECT_EQ(answers[0].verdicts,
            (std::vector<std::pair<std::string, Outcome>>{{"xstest-prefix", kR}, {"gpt4_label", kR}}));
  EXPECT_EQ(answers[1].verdicts[1].second, Outcome::kUnscored);
  EXPECT_EQ(source.labelled, 2);
}

TEST(PublishedLabels, NeedToKnowEveryWord) {
  const TemporaryDirectory folder;
  CalibrationSource source;
  source.file = "a.csv";
  const std::string text = "id,prompt,completion,final_label\n1,How?,So.,0\n2,How?,Not so.,1\n";
  EXPECT_NE(error_of([&] { read(folder, text, {}, source); }).find("a.csv:2: found the label '0'"), std::string::npos);
  const auto answers = read(folder, text, {parse_label_word("0=refusal"), parse_label_word("1=compliance")}, source);
  EXPECT_EQ(answers[0].label, Label::kRefusal);
  for (const char* option : {"0", "=refusal", "0=maybe"})
    EXPECT_NE(error_of([&] { parse_label_word(option); }).find("expected WORD=LABEL"), std::string::npos) << option;
}

TEST(JudgeStored, NumbersFurtherAnswersToOnePrompt) {
  std::vector<LabelledAnswer> stored(3);
  stored[0].id = stored[1].id = stored[2].id = "7";
  stored[0].answer = stored[1].answer = stored[2].answer = "Sorry, no.";
  stored[2].model = "other";
  const auto answers = judge_stored(stored, {"xstest-prefix"});
  EXPECT_EQ(answers[1].sample, 1);
  EXPECT_EQ(answers[2].sample, 0);
  EXPECT_EQ(answers[0].verdicts[0].second, kR);
  EXPECT_NE(answer_key(answers[0]), answer_key(answers[1]));
}

// 90 answers of one kind and 10 of another; people label 3 of each, wherever they stop: the weights bring back 90
// to 10.
TEST(QueueLabels, StandForTheAnswersOfTheirStratum) {
  std::vector<JudgedAnswer> answers;
  for (int i = 0; i < 100; ++i)
    answers.push_back(
        {"base", "knitting", std::to_string(i), 0, "", i < 90 ? "Purl." : "I cannot.", {{"one", i < 90 ? kC : kR}}});
  const auto queue = draw_queue(answers, 20, 3);
  std::vector<LabelLine> lines;
  std::vector<int> labelled(2, 0);
  for (const QueueEntry& entry : queue.entries) {
    const bool is_refusal = queue.strata[entry.stratum].size == 10;
    if (labelled[is_refusal]++ >= 3) continue;
    lines.push_back({"ada", entry.key, is_refusal ? "refusal" : "compliance"});
    lines.push_back({"ben", entry.key, is_refusal && labelled[1] == 3 ? "compliance" : lines.back().label});
  }
  lines.push_back({"ada", queue.entries.back().key, "skip"});
  CalibrationSource source;
  const auto verdicts = queue_labels(queue, answers, lines, RefusalMeaning::kAny, source);
  ASSERT_EQ(verdicts.size(), 6u);
  double sum = 0;
  for (const auto& one : verdicts) sum += one.label ? one.weight : 0;
  EXPECT_DOUBLE_EQ(sum, 100);  // two refusals at 5, three others at 30
  EXPECT_EQ(source.labelled, 5);
  EXPECT_EQ(source.disputed, 1);
  EXPECT_EQ(source.answers, 100);
  EXPECT_EQ(source.unseen, 0);
  lines.resize(2);
  CalibrationSource little;
  queue_labels(queue, answers, lines, RefusalMeaning::kAny, little);
  EXPECT_TRUE(little.unseen == 10 || little.unseen == 90);
}

// People label 200 of 4,000 answers, chosen by what judges said; the estimate of sensitivity is right on average.
TEST(QueueLabels, GiveTheJudgesSensitivityWithoutBias) {
  std::vector<JudgedAnswer> answers;
  std::map<std::string, bool> truth;
  for (int i = 0; i < 4000; ++i) {
    const bool refuses = i % 4 == 0, first = refuses ? i % 5 != 0 : i % 50 == 1, second = refuses ? i % 3 != 0 : false;
    answers.push_back({"base",
                       "knitting",
                       std::to_string(i),
                       0,
                       "",
                       refuses ? "I cannot." : "Purl.",
                       {{"one", first ? kR : kC}, {"two", second ? kR : kC}}});
    truth[answer_key(answers.back())] = refuses;
  }
  double weighted = 0, plain = 0;
  constexpr int kDraws = 60;
  for (int seed = 0; seed < kDraws; ++seed) {
    const auto queue = draw_queue(answers, 200, static_cast<std::uint64_t>(seed));
    std::vector<LabelLine> lines;
    for (const auto& entry : queue.entries)
      lines.push_back({"ada", entry.key, truth[entry.key] ? "refusal" : "compliance"});
    CalibrationSource source;
    const auto pooled =
        calibrate(queue_labels(queue, answers, lines, RefusalMeaning::kAny, source), RefusalMeaning::kAny)
            .judges[0]
            .pooled;
    weighted += pooled.sensitivity.value / kDraws;
    plain += sensitivity(pooled.counts).value / kDraws;
  }
  EXPECT_NEAR(weighted, 0.8, 0.02);  // four of five
  EXPECT_LT(plain, 0.7);             // what ignoring the draw would say
}

}  // namespace
}  // namespace holdfast::evaluation
