// What results.json and the plots say of judges: corrected rates beside raw ones, and two judges of the same answers.
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

class ResultJudges : public InDirectory {};

TEST_F(ResultJudges, CorrectedRatesStandBesideRawOnes) {
  auto what = identity();
  what["provenance"]["judges"] = {{{"name", "xstest-prefix"}, {"sha256", "j"}}};
  Journal journal = Journal::open(directory_, what);
  add_charms(journal, {"base", 0, 0}, "rrrrrrcccc");
  EXPECT_FALSE(results_json(journal)["cells"][0].contains("corrected"));
  std::vector<evaluation::LabelledVerdicts> labelled;
  const auto add = [&](int count, bool is_refusal, evaluation::Outcome outcome) {
    for (int i = 0; i < count; ++i) {
      evaluation::LabelledVerdicts one;
      one.model = "base";
      one.answer = "an answer";
      one.label = is_refusal ? evaluation::Label::kRefusal : evaluation::Label::kCompliance;
      one.annotations = {one.label};
      one.verdicts = {{"xstest-prefix", outcome}};
      labelled.push_back(one);
    }
  };
  add(80, true, Outcome::kRefusal);
  add(20, true, Outcome::kCompliance);
  add(90, false, Outcome::kCompliance);
  add(10, false, Outcome::kRefusal);
  auto calibration = evaluation::calibrate(labelled, evaluation::RefusalMeaning::kAny);
  calibration.judges[0].sha256 = "j";
  write("calibration.json", evaluation::calibration_json(calibration).dump());
  journal.set_calibration(read_calibration(directory_ / "calibration.json", what));
  const auto results = results_json(journal);
  const auto& corrected = results["cells"][0]["corrected"];
  EXPECT_NEAR(corrected["value"].get<double>(), (0.6 + 0.9 - 1) / (0.8 + 0.9 - 1), 1e-9);  // Rogan and Gladen 1978
  EXPECT_EQ(corrected["calibrated_on"], "base");
  EXPECT_EQ(results["cells"][0]["value"], 0.6) << "the raw rate stays";

  // Several answers to a prompt say less than as many prompts.
  what["samples"] = 2;
  Journal twice = Journal::open(directory_ / "twice", what);
  add_charms(twice, {"base", 0, 0}, "rrrrrrcccc");
  twice.commit_wave({{"base", 0, 0}, "charms", 1, 0}, answers("rrrrrrcccc", "xstest-prefix"), {});
  twice.set_calibration(read_calibration(directory_ / "calibration.json", what));
  EXPECT_EQ(results_json(twice)["cells"][0]["corrected"]["low"], corrected["low"]);

  what["provenance"]["judges"][0]["sha256"] = "another rule";
  EXPECT_NE(error_of([&] { read_calibration(directory_ / "calibration.json", what); }).find("xstest-prefix"),
            std::string::npos);
}

TEST_F(ResultJudges, PlotsShowCorrectedRatesBesideRawOnes) {
  auto what = identity({{"attack", "attack"}});
  what["provenance"]["judges"] = {{{"name", "xstest-prefix"}, {"sha256", "j"}}};
  Journal journal = Journal::open(directory_, what);
  add_charms(journal, {"base", 0, 0}, "rrrrrrrrcc");
  for (const std::int64_t step : {1, 2})
    journal.commit_step("attack", 1, {step, 1, 1, 1e-4, 100, 50}, {"train", "attack", 1, 100, 0, 1});
  add_charms(journal, {"attack", 1, 1}, "rrrrrrcccc");
  add_charms(journal, {"attack", 1, 2}, "rrcccccccc");
  const auto drawings = [&] {
    const auto results = results_json(journal);
    std::map<std::string, std::string> svg;
    for (const Drawing& one : report_plots(report_document(journal, results, costs_json(journal, results))))
      svg[one.name] = one.svg;
    return svg;
  };
  EXPECT_EQ(drawings()["refusal_tokens"].find("corrected"), std::string::npos);
  evaluation::Calibration calibration;
  evaluation::ModelCalibration model;
  model.counts = model.effective = {.tp = 80, .fp = 10, .fn = 20, .tn = 90};
  model.sensitivity = evaluation::sensitivity(model.counts);
  model.specificity = evaluation::specificity(model.counts);
  calibration.judges = {{"xstest-prefix", "j", model, {}, {}, false}};
  journal.set_calibration(evaluation::calibration_json(calibration));
  const double corrected = (0.6 + 0.9 - 1) / (0.8 + 0.9 - 1);  // Rogan and Gladen 1978
  EXPECT_NEAR(results_json(journal)["cells"][1]["corrected"]["value"].get<double>(), corrected, 1e-9);
  auto svg = drawings();
  EXPECT_NE(svg["refusal_tokens"].find(">attack, corrected</text>"), std::string::npos) << "named in the legend";
  EXPECT_NE(svg["refusal_tokens"].find("step 1: corrected 71.4\xC2\xA0%"), std::string::npos);
  EXPECT_NE(svg["refusal_tokens"].find("step 1: 6 of 10 (60.0\xC2\xA0%"), std::string::npos) << "the raw one stays";
  EXPECT_NE(svg["ends"].find(">corrected</text>"), std::string::npos);
}

TEST_F(ResultJudges, JudgesOfTheSameAnswersAreComparedWithEachOther) {
  Journal journal = Journal::open(directory_, identity());
  journal.add_items({benchmark("charms", evaluation::Kind::kRefusal, 50)});
  journal.add_cell({"base", 0, 0});
  // Cohen's table 20, 5, 10, 15: kappa 0.4 (statsmodels 0.15 cohens_kappa).
  auto stored = answers(std::string(25, 'r') + std::string(25, 'c'), "one");
  for (std::size_t i = 0; i < 50; ++i) {
    const bool refuses = i < 20 || (i >= 25 && i < 35);
    stored[i].verdicts.push_back({"two", {refuses ? Outcome::kRefusal : Outcome::kCompliance}});
  }
  journal.commit_wave({{"base", 0, 0}, "charms", 0, 0}, stored, {});
  const auto results = results_json(journal);
  const auto& one = results["agreement"][0];
  EXPECT_EQ(one["both"], 20);
  EXPECT_EQ(one["first_only"], 5);
  EXPECT_NEAR(one["kappa"].get<double>(), 0.4, 1e-12);
  EXPECT_NE(results["verdict"]["flags"].dump().find("differ on 15 of 50 answers"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::assessment
