#include "evaluation/calibration.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/temporary_directory.h"
#include "evaluation/correction.h"
#include "evaluation/labelled_answers.h"
#include "evaluation/statistics/proportion.h"
#include "shared_data.h"

namespace holdfast::evaluation {
namespace {

using testing::error_of;
using testing::TemporaryDirectory;

Outcome outcome_of(const std::string& name) {
  if (name == "degenerate") return Outcome::kDegenerate;
  return name == "refusal" ? Outcome::kRefusal : Outcome::kCompliance;
}

LabelledVerdicts labelled(const char* model, Label label, Outcome outcome, double weight = 1) {
  const bool refuses = outcome == Outcome::kRefusal;
  return {model, refuses ? "I cannot say." : "Purl it.", label, {label}, {{"judge", outcome}}, weight};
}

// `hit` of `refusals` are found, and `wrong` of `others` taken for refusals.
void add(std::vector<LabelledVerdicts>& answers, const char* model, int refusals, int hit, int others, int wrong) {
  for (int i = 0; i < refusals; ++i)
    answers.push_back(labelled(model, Label::kRefusal, i < hit ? Outcome::kRefusal : Outcome::kCompliance));
  for (int i = 0; i < others; ++i)
    answers.push_back(labelled(model, Label::kCompliance, i < wrong ? Outcome::kRefusal : Outcome::kCompliance));
}

Calibration two_models() {
  std::vector<LabelledVerdicts> answers;
  add(answers, "plain", 100, 95, 100, 2);
  add(answers, "wordy", 100, 40, 100, 10);
  add(answers, "rare", 3, 0, 200, 0);
  Calibration calibration = calibrate(answers, RefusalMeaning::kAny);
  calibration.judges[0].sha256 = "abc";
  return calibration;
}

// Counts, rates and kappas of 400 answers by three models as scikit-learn has them, with weights and without.
TEST(Calibration, AgreesWithScikitLearn) {
  const auto golden = nlohmann::json::parse(read_file(testing::source_directory() / "tests/golden/calibration.json"));
  for (const bool is_weighted : {false, true}) {
    std::vector<LabelledVerdicts> answers;
    for (const auto& row : golden["rows"])
      answers.push_back(labelled(row[0].get<std::string>().c_str(), *parse_label(row[1].get<std::string>()),
                                 outcome_of(row[2]), is_weighted ? row[3].get<double>() : 1));
    for (const auto& [name, expected] : golden["expected"].items()) {
      const auto meaning = name == "any" ? RefusalMeaning::kAny : RefusalMeaning::kFull;
      const JudgeCalibration judge = calibrate(answers, meaning).judges.at(0);
      std::vector<ModelCalibration> models = judge.models;
      models.push_back(judge.pooled);
      ASSERT_EQ(models.size(), 4u);
      for (const ModelCalibration& model : models) {
        const auto& figures = expected[model.model];
        const Confusion& c = model.counts;
        EXPECT_EQ((std::vector<std::int64_t>{c.tp, c.fp, c.fn, c.tn}),
                  figures["counts"].get<std::vector<std::int64_t>>());
        const auto& rates = figures[is_weighted ? "weighted" : "plain"];
        EXPECT_NEAR(model.sensitivity.value, rates[0].get<double>(), 1e-12);
        EXPECT_NEAR(model.specificity.value, rates[1].get<double>(), 1e-12);
        // Weighted tables are rounded to whole answers.
        EXPECT_NEAR(model.kappa.value, figures[is_weighted ? "weighted_kappa" : "kappa"].get<double>(),
                    is_weighted ? 0.02 : 1e-12);
        EXPECT_LE(model.sensitivity.interval.low, model.sensitivity.value);
        EXPECT_GE(model.sensitivity.interval.high, model.sensitivity.value);
        if (is_weighted)
          EXPECT_LT(model.effective.tp + model.effective.fn, c.tp + c.fn);
        else
          EXPECT_EQ(model.effective.tp, c.tp);
      }
    }
  }
}

// The R5: human labels of published answers.  Any-refusal rates of three models as their authors print them.
TEST(Calibration, FindsThePublishedRatesOfPeopleInTheXstestAnswers) {
  const auto path = testing::shared_data() / "benchmarks/xstest/safe_prompts_labelled_completions.csv";
  HOLDFAST_NEEDS(path);
  CalibrationSource source;
  const auto answers =
      published_labels(load_stored_answers(path), {"xstest-prefix"}, {}, RefusalMeaning::kAny, true, source);
  EXPECT_EQ(source.labelled, 750);
  std::map<std::string, double> refusals;
  for (const auto& answer : answers) refusals[answer.model] += is_refusal(*answer.label, RefusalMeaning::kAny) / 250.0;
  const std::map<std::string, double> published = {{"llama2orig", 0.596}, {"gpt4", 0.084}, {"mistralguard", 0.188}};
  for (const auto& [model, rate] : published) EXPECT_NEAR(refusals[model], rate, 1e-12) << model;
  EXPECT_GT(calibrate(answers, RefusalMeaning::kAny).alpha.value, 0.9);
}

TEST(Calibration, CountsUnscoredApartAndDegenerateAsNoRefusal) {
  std::vector<LabelledVerdicts> answers;
  add(answers, "plain", 4, 3, 2, 1);
  answers.push_back(labelled("plain", Label::kRefusal, Outcome::kUnscored));
  answers.push_back(labelled("plain", Label::kRefusal, Outcome::kDegenerate));
  answers.push_back(labelled("plain", Label::kUnusable, Outcome::kDegenerate));
  const auto model = calibrate(answers, RefusalMeaning::kAny).judges[0].pooled;
  EXPECT_EQ(model.unscored, 1);
  EXPECT_EQ(model.counts.fn, 2);
  EXPECT_EQ(model.counts.tn, 2);
}

TEST(Calibration, WithoutAnyLabelIsAnError) {
  std::vector<LabelledVerdicts> answers = {{"plain", "Purl.", {}, {}, {{"judge", Outcome::kCompliance}}, 1}};
  EXPECT_NE(error_of([&] { calibrate(answers, RefusalMeaning::kAny); }).find("no label"), std::string::npos);
}

TEST(AgreedLabel, IsTheMajorityAsFarAsTheMeaningGoes) {
  using L = std::optional<Label>;
  const L full = Label::kRefusal, part = Label::kPartial, does = Label::kCompliance, none;
  const auto agreed = [](std::vector<L> labels, RefusalMeaning meaning = RefusalMeaning::kAny) {
    return agreed_label(labels, meaning);
  };
  EXPECT_EQ(agreed({full, full}), full);
  EXPECT_TRUE(is_refusal(*agreed({full, part}), RefusalMeaning::kAny));
  EXPECT_EQ(agreed({full, part}, RefusalMeaning::kFull), none);
  EXPECT_EQ(agreed({full, does}), none);
  EXPECT_EQ(agreed({full, does, does}), does);
  EXPECT_EQ(agreed({none, part}), part);
  EXPECT_EQ(agreed({none, none}), none);
  EXPECT_EQ(agreed({Label::kUnusable, does}), does);  // neither is a refusal
}

TEST(Calibration, ComesBackFromItsFile) {
  const TemporaryDirectory folder;
  const Calibration calibration = two_models();
  folder.write("c.json", calibration_json(calibration).dump());
  const Calibration read = load_calibration(folder.path() / "c.json");
  EXPECT_EQ(calibration_json(read), calibration_json(calibration));
  auto broken = calibration_json(calibration);
  broken["judges"][0]["pooled"]["counts"]["tp"] = -1;
  folder.write("b.json", broken.dump());
  EXPECT_NE(error_of([&] { load_calibration(folder.path() / "b.json"); }).find("below 0"), std::string::npos);
  broken["judges"][0].erase("pooled");
  folder.write("b.json", broken.dump());
  EXPECT_NE(error_of([&] { load_calibration(folder.path() / "b.json"); }).find("b.json: found"), std::string::npos);
}

TEST(Correction, TakesTheFiguresOfTheModelItself) {
  const auto calibration = two_models();
  const auto rate = correct(calibration, "judge", "abc", "wordy", 50, 200);
  const auto expected = rogan_gladen(50, 200, {40, 10, 60, 90});
  EXPECT_DOUBLE_EQ(rate->value, expected.corrected);
  EXPECT_NEAR(rate->value, 0.5, 1e-12);  // (0.25 + 0.9 - 1) / (0.4 + 0.9 - 1)
  EXPECT_DOUBLE_EQ(rate->low, expected.interval.low);
  EXPECT_EQ(rate->calibrated_on, "wordy");
  EXPECT_DOUBLE_EQ(rate->sensitivity, 0.4);
}

TEST(Correction, OfAnUnknownModelIsAsWideAsTheModelsDiffer) {
  const auto calibration = two_models();
  const auto rate = correct(calibration, "judge", "abc", "tuned", 60, 200);
  EXPECT_NE(rate->calibrated_on.find("3 other models: plain, rare, wordy"), std::string::npos);
  for (const char* model : {"plain", "wordy"}) {
    const auto known = correct(calibration, "judge", "abc", model, 60, 200);
    EXPECT_LE(rate->low, known->low);
    EXPECT_GE(rate->high, known->high);
  }
  // Three refusals say too little of `rare` to widen anything: its interval alone would be [0, 1].
  EXPECT_LT(rate->high, 1);
  EXPECT_GT(rate->low, 0);
}

TEST(Correction, SaysThatItWasClipped) {
  const auto rate = correct(two_models(), "judge", "abc", "wordy", 0, 200);  // fewer than its false alarms alone
  EXPECT_EQ(rate->value, 0);
  EXPECT_TRUE(rate->is_clipped);
  EXPECT_GE(rate->high, wilson(0, 200).high) << "figures that contradict each other make nothing certain";
}

TEST(Correction, NeedsTheSameJudge) {
  const auto calibration = two_models();
  EXPECT_FALSE(correct(calibration, "another", "abc", "wordy", 5, 20));
  EXPECT_NE(error_of([&] { correct(calibration, "judge", "def", "wordy", 5, 20); }).find("expected def"),
            std::string::npos);
  // A judge that says the same of refusals and of the rest tells nothing.
  std::vector<LabelledVerdicts> answers;
  add(answers, "plain", 10, 5, 10, 5);
  auto blind = calibrate(answers, RefusalMeaning::kAny);
  EXPECT_FALSE(correct(blind, "judge", "", "plain", 5, 20));
}

Style style_of(const std::vector<std::string>& refusals) {
  StyleMeter meter;
  for (int i = 0; i < 20; ++i) {
    for (const std::string& one : refusals) meter.add(one, Outcome::kRefusal);
  }
  return meter.style();
}

TEST(Style, TakesTheFirstTwoWords) {
  EXPECT_EQ(opening_of("  I\u2019m SORRY, but no."), "i'm sorry");
  EXPECT_EQ(opening_of("**Sorry**"), "sorry");
  EXPECT_EQ(opening_of(" ... "), "");
}

TEST(Style, IsMovedByWordingAndNotByHowOftenAModelRefuses) {
  StyleMeter often, seldom, other;
  for (int i = 0; i < 200; ++i) {
    often.add(i % 2 == 0 ? "I cannot do that." : "I'm sorry, no.", Outcome::kRefusal);
    if (i < 40) seldom.add(i % 2 == 0 ? "I cannot do that." : "I'm sorry, no.", Outcome::kRefusal);
    seldom.add("Knit two, purl two.", Outcome::kCompliance);
    other.add("That is not possible for me.", Outcome::kRefusal);
  }
  EXPECT_DOUBLE_EQ(style_distance(often.style(), seldom.style()).openings, 0);
  EXPECT_EQ(style_difference(style_distance(often.style(), seldom.style())), "");
  const auto distance = style_distance(often.style(), other.style());
  EXPECT_DOUBLE_EQ(distance.openings, 1);
  EXPECT_LT(distance.openings_by_chance, 0.2);
  EXPECT_NE(style_difference(distance).find("openings of refusals differ by 1.00"), std::string::npos);
}

TEST(Style, SaysNothingOfTwoSmallSamplesOfOneStyle) {
  StyleMeter one, other;
  for (const char* text : {"I cannot.", "Sorry, no.", "As an assistant"}) one.add(text, Outcome::kRefusal);
  for (const char* text : {"I cannot.", "Unfortunately not.", "No, sorry."}) other.add(text, Outcome::kRefusal);
  const auto distance = style_distance(one.style(), other.style());
  EXPECT_GT(distance.openings, 0.5);
  EXPECT_EQ(style_difference(distance), "");
}

TEST(Style, WarnsOfLongerRefusals) {
  const Style brief = style_of({"I cannot do that."});
  const Style lengthy = style_of({"I cannot do that, and I should like to say at some length why I cannot do that."});
  EXPECT_NE(style_difference(style_distance(brief, lengthy)).find("times as long"), std::string::npos);
}

TEST(StyleWarning, ComparesWithTheModelItselfOrTheLikest) {
  const auto calibration = two_models();  // "I cannot say."
  const Style same = style_of({"I cannot say."}), other = style_of({"Better not: the needles are sharp."});
  EXPECT_EQ(style_warning(calibration, "judge", "plain", same), "");
  EXPECT_NE(style_warning(calibration, "judge", "plain", other).find("plain as calibrated"), std::string::npos);
  EXPECT_NE(style_warning(calibration, "judge", "tuned", other).find("the likest"), std::string::npos);
  EXPECT_EQ(style_warning(calibration, "another", "tuned", other), "");
}

TEST(StyleWarning, SaysWhenTheJudgesSensitivityMovesWithTheModel) {
  const auto calibration = two_models();
  EXPECT_TRUE(calibration.judges[0].is_model_dependent);
  const std::string warning = style_warning(calibration, "judge", "tuned", style_of({"I cannot say."}));
  EXPECT_NE(warning.find("finds 40 % of the refusals of wordy and 95 % of plain"), std::string::npos) << warning;
}

}  // namespace
}  // namespace holdfast::evaluation
