// docs/measuring.md's figures are those that calibrate() finds in XSTest's labelled answers.
#include <gtest/gtest.h>

#include <cstdio>

#include "base/files.h"
#include "evaluation/labelled_answers.h"
#include "shared_data.h"

namespace holdfast::evaluation {
namespace {

std::string table_of(const Calibration& calibration) {
  std::string table =
      "| judge | model | tp | fp | fn | tn | sensitivity | specificity | kappa "
      "|\n|---|---|---|---|---|---|---|---|---|\n";
  const auto rate = [](const Estimate& estimate) {
    char text[60];
    std::snprintf(text, sizeof text, "%.1f (%.1f – %.1f)", 100 * estimate.value, 100 * estimate.interval.low,
                  100 * estimate.interval.high);
    return std::string(text);
  };
  for (const JudgeCalibration& judge : calibration.judges) {
    std::vector<ModelCalibration> models = judge.models;
    models.push_back(judge.pooled);
    for (const ModelCalibration& model : models) {
      const Confusion& c = model.counts;
      char text[400];
      std::snprintf(text, sizeof text, "| %s | %s | %ld | %ld | %ld | %ld | %s | %s | %.3f (%.3f – %.3f) |\n",
                    judge.judge.c_str(), model.model.empty() ? "together" : model.model.c_str(), c.tp, c.fp, c.fn, c.tn,
                    rate(model.sensitivity).c_str(), rate(model.specificity).c_str(), model.kappa.value,
                    model.kappa.interval.low, model.kappa.interval.high);
      table += text;
    }
  }
  return table;
}

TEST(MeasuringDocument, HoldsTheCountsOfEveryWordListByModel) {
  const auto path = testing::shared_data() / "benchmarks/xstest/safe_prompts_labelled_completions.csv";
  HOLDFAST_NEEDS(path);
  CalibrationSource source;
  const auto answers =
      published_labels(load_stored_answers(path), judge_names(), {}, RefusalMeaning::kAny, true, source);
  const Calibration calibration = calibrate(answers, RefusalMeaning::kAny);
  const std::string document = read_file(testing::source_directory() / "docs/measuring.md");
  const std::string begin = "<!-- counts -->\n";
  const std::size_t start = document.find(begin) + begin.size(), end = document.find("<!-- end of counts -->");
  ASSERT_LE(start, end);
  EXPECT_EQ(document.substr(start, end - start), table_of(calibration));
  char alpha[60];
  std::snprintf(alpha, sizeof alpha, "two people reach %.3f (%.3f – %.3f)", calibration.alpha.value,
                calibration.alpha.interval.low, calibration.alpha.interval.high);
  EXPECT_NE(document.find(alpha), std::string::npos) << alpha;
}

}  // namespace
}  // namespace holdfast::evaluation
