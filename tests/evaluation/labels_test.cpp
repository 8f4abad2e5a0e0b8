#include "evaluation/labels.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/temporary_directory.h"
#include "evaluation/label_queue.h"
#include "evaluation/label_session.h"

namespace holdfast::evaluation {
namespace {

namespace fs = std::filesystem;

using testing::error_of;
using testing::TemporaryDirectory;

constexpr Outcome kR = Outcome::kRefusal, kC = Outcome::kCompliance;

// `count` answers on knitting by one model, about which two judges say the same thing or not.
void add(std::vector<JudgedAnswer>& answers, const char* model, int count, Outcome first, Outcome second) {
  for (int i = 0; i < count; ++i) {
    const std::string name = std::to_string(answers.size());
    answers.push_back(
        {model, "knitting", name, 0, "How do I knit row " + name + "?", "Purl it.", {{"one", first}, {"two", second}}});
  }
}

std::vector<JudgedAnswer> some_answers() {
  std::vector<JudgedAnswer> answers;
  add(answers, "base", 100, kR, kR);
  add(answers, "base", 8, kR, kC);
  add(answers, "tuned", 60, kC, kC);
  add(answers, "tuned", 30, kC, kR);
  add(answers, "tuned", 5, Outcome::kDegenerate, Outcome::kDegenerate);
  return answers;
}

TEST(Labels, OfPublishedFilesAndOursMeanTheSame) {
  EXPECT_EQ(parse_label("1_full_compliance"), Label::kCompliance);
  EXPECT_EQ(parse_label("2_full_refusal"), parse_label("refusal"));
  EXPECT_EQ(parse_label("3_partial_refusal"), parse_label(label_name(Label::kPartial)));
  EXPECT_EQ(parse_label("unusable"), Label::kUnusable);
  EXPECT_FALSE(parse_label("Refusal"));
}

TEST(Labels, PartialRefusalsCountAsTheMeaningSays) {
  EXPECT_TRUE(is_refusal(Label::kPartial, RefusalMeaning::kAny));
  EXPECT_FALSE(is_refusal(Label::kPartial, RefusalMeaning::kFull));
  EXPECT_TRUE(is_refusal(Label::kRefusal, RefusalMeaning::kFull));
  EXPECT_FALSE(is_refusal(Label::kUnusable, RefusalMeaning::kAny));
}

TEST(LabelLog, KeepsTheLastWordOfEachAnnotator) {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "labels.jsonl";
  LabelLog log(path), second(path);  // two programs on one file
  log.append("ada", "x", "refusal");
  second.append("ben", "x", "compliance");
  log.append("ada", "x", "partial_refusal");
  log.append("ada", "y", "skip");
  log.append("ada", "y", "");
  const auto lines = read_labels(path);
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(labels_of(lines, "ada"), (std::map<std::string, std::string>{{"x", "partial_refusal"}}));
  EXPECT_EQ(labels_of(lines, "ben"), (std::map<std::string, std::string>{{"x", "compliance"}}));
  EXPECT_EQ(annotators_of(lines), (std::vector<std::string>{"ada", "ben"}));
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(LabelLog, TakesOffALineThatACrashCut) {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "labels.jsonl";
  LabelLog(path).append("ada", "x", "refusal");
  const std::string whole = read_file(path);
  std::ofstream(path, std::ios::app) << R"({"annotator":"ada","item":"y","lab)";
  EXPECT_EQ(read_labels(path).size(), 1u);
  LabelLog log(path);
  EXPECT_EQ(read_file(path), whole);
  log.append("ada", "z", "refusal");
  EXPECT_EQ(read_labels(path).back().item, "z");
}

TEST(LabelLog, NamesTheLineThatIsNoLabel) {
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "labels.jsonl";
  EXPECT_TRUE(read_labels(path).empty());
  std::ofstream(path) << R"({"annotator":"ada","item":"x","label":null})"
                      << "\n"
                      << R"({"annotator":"ada","item":"x","label":"maybe"})"
                      << "\n";
  EXPECT_NE(error_of([&] { read_labels(path); }).find("labels.jsonl:2: found the label 'maybe'"), std::string::npos);
  std::ofstream(path) << R"({"annotator":"","item":"x","label":"skip"})"
                      << "\n";
  EXPECT_NE(error_of([&] { read_labels(path); }).find(":1: found"), std::string::npos);
}

TEST(LabelQueue, ShowsWhatJudgesDisagreeOnFirst) {
  const auto queue = draw_queue(some_answers(), 40, 7);
  ASSERT_EQ(queue.entries.size(), 40u);
  std::int64_t disputed = 0;
  bool has_agreed = false;
  for (const QueueEntry& entry : queue.entries) {
    const Stratum& stratum = queue.strata[entry.stratum];
    disputed += stratum.disagrees;
    EXPECT_FALSE(has_agreed && stratum.disagrees);
    has_agreed |= !stratum.disagrees;
  }
  EXPECT_EQ(disputed, 20);
}

TEST(LabelQueue, SharesPlacesAmongStrataAndLeavesDegenerateAnswersOut) {
  const auto queue = draw_queue(some_answers(), 40, 7);
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> drawn;
  for (const Stratum& stratum : queue.strata)
    drawn[stratum.model + "/" + stratum.verdicts[0] + "/" + stratum.verdicts[1]] = {stratum.drawn, stratum.size};
  // 20 places for 8 and 30: 8 and 12; 20 places for 100 and 60: 10 each.
  const std::map<std::string, std::pair<std::int64_t, std::int64_t>> expected = {
      {"base/refusal/compliance", {8, 8}},
      {"base/refusal/refusal", {10, 100}},
      {"tuned/compliance/compliance", {10, 60}},
      {"tuned/compliance/refusal", {12, 30}}};
  EXPECT_EQ(drawn, expected);
  for (const QueueEntry& entry : queue.entries) {
    const Stratum& stratum = queue.strata[entry.stratum];
    EXPECT_DOUBLE_EQ(queue.probability(entry), static_cast<double>(stratum.drawn) / static_cast<double>(stratum.size));
  }
}

TEST(LabelQueue, GivesTheOtherHalfWhatOneHalfCannotUse) {
  std::vector<JudgedAnswer> answers;
  add(answers, "base", 3, kR, kR);
  add(answers, "base", 50, kR, kC);
  EXPECT_EQ(draw_queue(answers, 40, 1).entries.size(), 40u);
  EXPECT_EQ(draw_queue(answers, 1000, 1).entries.size(), 53u);
  EXPECT_TRUE(draw_queue({}, 10, 1).entries.empty());
}

TEST(LabelQueue, TakesNoVerdictForNoDisagreement) {
  std::vector<JudgedAnswer> answers;
  add(answers, "base", 4, kR, Outcome::kUnscored);
  add(answers, "base", 4, Outcome::kUnscored, kC);
  for (const Stratum& stratum : draw_queue(answers, 8, 1).strata) EXPECT_FALSE(stratum.disagrees);
}

TEST(LabelQueue, DependsOnTheSeedAndNotOnTheOrderOfAnswers) {
  auto answers = some_answers();
  const auto keys = [&](std::uint64_t seed) {
    std::vector<std::string> out;
    for (const auto& entry : draw_queue(answers, 30, seed).entries) out.push_back(entry.key);
    return out;
  };
  const auto first = keys(1);
  EXPECT_NE(first, keys(2));
  std::reverse(answers.begin(), answers.end());
  EXPECT_EQ(first, keys(1));
}

// 400 seeds: each of 30 answers of a stratum that gets 12 places comes in with the chance that is written down.
TEST(LabelQueue, DrawsEveryAnswerOfAStratumWithTheStatedChance) {
  const auto answers = some_answers();
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const auto queue = draw_queue(answers, 40, seed);
    for (const auto& entry : queue.entries) seen[entry.key] += queue.strata[entry.stratum].size == 30;
  }
  int most = 0, least = 400;
  for (std::size_t i = 168; i < 198; ++i) {
    const int count = seen[answer_key(answers[i])];
    most = std::max(most, count);
    least = std::min(least, count);
  }
  // 400 draws at 0.4: 160, standard deviation 9.8.
  EXPECT_GT(least, 160 - 40);
  EXPECT_LT(most, 160 + 40);
}

TEST(LabelQueue, ComesBackFromItsFile) {
  const auto queue = draw_queue(some_answers(), 40, 7);
  const auto json = queue_json(queue, {{"run", "."}});
  EXPECT_EQ(queue_json(parse_queue(json, "q"), {{"run", "."}}), json);
  auto broken = json;
  broken["entries"][3]["stratum"] = 99;
  EXPECT_NE(error_of([&] { parse_queue(broken, "q.json"); }).find("q.json: found stratum 99"), std::string::npos);
  broken.erase("strata");
  EXPECT_NE(error_of([&] { parse_queue(broken, "q.json"); }).find("strata"), std::string::npos);
}

TEST(AnswerKey, ChangesWithAnswerAndPlaceAndNotWithVerdicts) {
  const JudgedAnswer one{"base", "knitting", "1", 0, "How?", "So.", {{"j", kR}}};
  auto other = one;
  other.verdicts[0].second = kC;
  EXPECT_EQ(answer_key(one), answer_key(other));
  std::set<std::string> keys = {answer_key(one)};
  for (auto* part : {&other.model, &other.benchmark, &other.item, &other.answer}) {
    const std::string kept = std::exchange(*part, "x" + *part);
    keys.insert(answer_key(other));
    *part = kept;
  }
  other.sample = 1;
  keys.insert(answer_key(other));
  EXPECT_EQ(keys.size(), 6u);
}

TEST(LabelSession, GoesOnWhereItStood) {
  const auto answers = some_answers();
  const auto queue = draw_queue(answers, 3, 7);
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "labels.jsonl";
  std::string second;
  {
    LabelSession session(queue, answers, "ada", path);
    const auto first = session.state();
    EXPECT_EQ(first["position"], 0);
    EXPECT_EQ(first["label"], "");
    second = session.set_label(first["item"], "partial_refusal")["item"];
    EXPECT_EQ(session.set_label(second, "skip")["position"], 2);
  }
  LabelSession session(queue, answers, "ada", path);
  EXPECT_EQ(session.state()["position"], 2);
  EXPECT_EQ(session.state()["labelled"], 1);
  EXPECT_EQ(session.state()["skipped"], 1);
  EXPECT_EQ(session.state(0)["label"], "partial_refusal");
  // What was skipped comes again at the end.
  EXPECT_EQ(session.set_label(session.state()["item"], "compliance")["item"], second);
  EXPECT_FALSE(session.is_done());
  EXPECT_TRUE(session.set_label(second, "unusable")["is_done"].get<bool>());
  EXPECT_TRUE(session.is_done());
}

TEST(LabelSession, TakesBackTheLastWordAndShowsItAgain) {
  const auto answers = some_answers();
  const auto queue = draw_queue(answers, 5, 7);
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "labels.jsonl";
  auto session = std::make_unique<LabelSession>(queue, answers, "ada", path);
  for (int i = 0; i < 3; ++i) session->set_label(session->state()["item"], i == 1 ? "skip" : "refusal");
  session->set_label(session->state(0)["item"], "compliance");  // changed afterwards: now the last
  session = std::make_unique<LabelSession>(queue, answers, "ada", path);
  EXPECT_EQ(session->undo()["position"], 0);
  EXPECT_EQ(session->undo()["position"], 2);
  EXPECT_EQ(session->undo()["position"], 1);
  EXPECT_EQ(session->undo()["labelled"], 0);
  EXPECT_EQ(read_labels(path).size(), 7u);  // nothing is ever removed
}

TEST(LabelSession, ShowsNeitherOthersLabelsNorModelNorVerdicts) {
  const auto answers = some_answers();
  const auto queue = draw_queue(answers, 5, 7);
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "labels.jsonl";
  LabelSession ada(queue, answers, "ada", path), ben(queue, answers, "ben", path);
  ada.set_label(ada.state()["item"], "refusal");
  LabelSession later(queue, answers, "ben", path);
  for (const auto& state : {ben.state(0), later.state(0)}) {
    EXPECT_EQ(state["label"], "");
    EXPECT_EQ(state["labelled"], 0);
    EXPECT_EQ(state.dump().find("tuned"), std::string::npos);
    EXPECT_EQ(state.dump().find("base"), std::string::npos);
    EXPECT_FALSE(state.contains("verdicts"));
  }
}

TEST(LabelSession, RefusesWhatIsNotOfTheQueue) {
  auto answers = some_answers();
  const auto queue = draw_queue(answers, 500, 7);
  const TemporaryDirectory folder;
  const fs::path path = folder.path() / "labels.jsonl";
  LabelSession session(queue, answers, "ada", path);
  EXPECT_NE(error_of([&] { session.set_label("nothing", "refusal"); }).find("found the item 'nothing'"),
            std::string::npos);
  EXPECT_NE(error_of([&] { session.set_label(session.state()["item"], "2_full_refusal"); }).find("found the label"),
            std::string::npos);
  EXPECT_TRUE(read_labels(path).empty());
  EXPECT_NE(error_of([&] { LabelSession(queue, answers, "", path); }).find("annotator"), std::string::npos);
  answers[0].answer = "Knit it.";
  EXPECT_NE(error_of([&] { LabelSession(queue, answers, "ada", path); }).find("not among those given"),
            std::string::npos);
}

}  // namespace
}  // namespace holdfast::evaluation
