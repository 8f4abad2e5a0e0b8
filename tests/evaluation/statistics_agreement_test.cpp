#include <gtest/gtest.h>

#include <cmath>

#include "evaluation/golden_rows.h"
#include "evaluation/statistics/agreement.h"

namespace holdfast::evaluation {
namespace {

const nlohmann::json& golden() {
  static const auto kGolden = testing::golden_rows("statistics_agreement.json");
  return kGolden;
}

TEST(Judge, SensitivityAndSpecificityAreSharesOfTheTruth) {
  const Confusion counts{90, 5, 10, 45};
  EXPECT_DOUBLE_EQ(sensitivity(counts).value, 0.9);
  EXPECT_DOUBLE_EQ(specificity(counts).value, 0.9);
  EXPECT_NEAR(sensitivity(counts).interval.low, 0.8256, 5e-5);   // Wilson of 90 in 100
  EXPECT_NEAR(specificity(counts).interval.high, 0.9565, 5e-5);  // Wilson of 45 in 50
  EXPECT_TRUE(std::isnan(sensitivity({0, 3, 0, 4}).value));
  EXPECT_EQ(sensitivity({0, 3, 0, 4}).interval.high, 1);
}

// The table of the FREQ procedure's documentation of agreement statistics (SAS/STAT), also in statsmodels' tests.
TEST(Kappa, EqualsThePublishedExample) {
  const std::int64_t table[] = {0, 4, 1, 0, 8, 0, 0, 1, 5};
  const Estimate kappa = cohen_kappa(table, 3);
  EXPECT_NEAR(kappa.value, 0.4842, 5e-5);
  EXPECT_NEAR(kappa.standard_error, 0.1380, 5e-5);
  EXPECT_NEAR(kappa.interval.low, 0.2137, 5e-5);
  EXPECT_NEAR(kappa.interval.high, 0.7547, 5e-5);
}

TEST(Kappa, EqualsStatsmodelsOnAThousandTables) {
  ASSERT_EQ(golden()["kappa"].size(), 1000);
  for (const auto& row : golden()["kappa"]) {
    const auto table = row[0].get<std::vector<std::int64_t>>();
    const Estimate kappa = cohen_kappa(table, table.size() == 4 ? 2 : 3);
    EXPECT_NEAR(kappa.value, row[1].get<double>(), 1e-11) << row;
    EXPECT_NEAR(kappa.standard_error, row[2].get<double>(), 1e-8) << row;  // the root of a variance that may be 0
  }
}

TEST(Kappa, IsUnknownWhereChanceAgreesAlways) {
  EXPECT_TRUE(std::isnan(cohen_kappa({50, 0, 0, 0}).value));
  EXPECT_TRUE(std::isnan(cohen_kappa(Confusion{}).value));
  EXPECT_EQ(cohen_kappa(Confusion{}).interval.low, -1);
  EXPECT_DOUBLE_EQ(cohen_kappa({5, 0, 0, 5}).value, 1);
}

// Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), sections A (binary, two observers, no missing
// data) and C (nominal, four observers, missing data).
TEST(Alpha, EqualsKrippendorffsExamples) {
  const std::vector<std::vector<int>> binary = {{0, 0}, {1, 1}, {0, 1}, {0, 0}, {0, 0},
                                                {0, 1}, {0, 1}, {0, 0}, {1, 0}, {0, 0}};
  EXPECT_NEAR(krippendorff_alpha(binary).value, 0.095, 5e-4);
  const int none = kNoLabel;
  const std::vector<std::vector<int>> missing = {
      {1, 1, none, 1}, {2, 2, 3, 2}, {3, 3, 3, 3}, {3, 3, 3, 3},    {2, 2, 2, 2},       {1, 2, 3, 4},
      {4, 4, 4, 4},    {1, 1, 2, 1}, {2, 2, 2, 2}, {none, 5, 5, 5}, {none, none, 1, 1}, {none, none, 3, none}};
  EXPECT_NEAR(krippendorff_alpha(missing).value, 0.743, 5e-4);
}

TEST(Alpha, EqualsTheKrippendorffPackageOnAThousandTables) {
  ASSERT_EQ(golden()["alpha"].size(), 1000);
  for (const auto& row : golden()["alpha"]) {
    const std::size_t raters = row[0][0];
    const auto labels = row[1].get<std::vector<int>>();
    std::vector<std::vector<int>> units;
    for (std::size_t i = 0; i < labels.size(); i += raters)
      units.emplace_back(labels.begin() + static_cast<std::ptrdiff_t>(i),
                         labels.begin() + static_cast<std::ptrdiff_t>(i + raters));
    EXPECT_NEAR(krippendorff_alpha(units, {.draws = 0}).value, row[2].get<double>(), 1e-11) << row;
  }
}

TEST(Alpha, HasAnIntervalThatNarrowsWithUnits) {
  std::vector<std::vector<int>> units;
  double width = 2;
  for (const int size : {40, 400, 4000}) {
    while (static_cast<int>(units.size()) < size) {
      const int i = static_cast<int>(units.size());
      units.push_back({i % 2, i % 5 == 0 ? 1 - i % 2 : i % 2});
    }
    const Estimate alpha = krippendorff_alpha(units);
    EXPECT_LT(alpha.interval.low, alpha.value);
    EXPECT_GT(alpha.interval.high, alpha.value);
    EXPECT_LT(alpha.interval.high - alpha.interval.low, width / 2);
    width = alpha.interval.high - alpha.interval.low;
  }
  EXPECT_EQ(krippendorff_alpha(units).interval.low, krippendorff_alpha(units).interval.low);  // the seed's
  EXPECT_TRUE(std::isnan(krippendorff_alpha({}).value));
  const std::vector<std::vector<int>> same = {{1, 1}, {1, 1}};
  EXPECT_TRUE(std::isnan(krippendorff_alpha(same).value));
}

// The manual of epiR's epi.prev: 23 of 150 cows test positive, sensitivity 96 %, specificity 89 %: 5.1 in 100; of
// RSurveillance's tp: 20 of 120, 90 %, 99 %: 0.17603.
TEST(CorrectedRate, EqualsPublishedExamples) {
  EXPECT_NEAR(rogan_gladen(23, 150, {96, 11, 4, 89}).corrected, 0.051, 5e-4);
  EXPECT_NEAR(rogan_gladen(20, 120, {90, 1, 10, 99}).corrected, 0.17603, 5e-6);
}

TEST(CorrectedRate, EqualsThePapersEquationsOnAThousandTables) {
  ASSERT_EQ(golden()["prevalence"].size(), 1000);
  for (const auto& row : golden()["prevalence"]) {
    const Prevalence rate = rogan_gladen(row[0], row[1], {row[2], row[3], row[4], row[5]});
    EXPECT_NEAR(rate.unclipped, row[6].get<double>(), 1e-11) << row;
    EXPECT_NEAR(rate.standard_error, row[7].get<double>(), 1e-11) << row;
    EXPECT_NEAR(rate.interval.low, row[8].get<double>(), 1e-11) << row;
    EXPECT_NEAR(rate.interval.high, row[9].get<double>(), 1e-11) << row;
  }
}

TEST(CorrectedRate, SaysWhereItWasClippedAndWhereTheJudgeTellsNothing) {
  const Prevalence below = rogan_gladen(15, 100, {80, 20, 20, 80});
  EXPECT_TRUE(below.is_clipped);
  EXPECT_EQ(below.corrected, 0);
  EXPECT_LT(below.unclipped, 0);
  EXPECT_GT(below.interval.high, 0);
  const Prevalence nothing = rogan_gladen(40, 100, {50, 50, 50, 50});
  EXPECT_TRUE(std::isnan(nothing.corrected));
  EXPECT_EQ(nothing.interval.low, 0);
  EXPECT_EQ(nothing.interval.high, 1);
  EXPECT_DOUBLE_EQ(nothing.raw, 0.4);
}

}  // namespace
}  // namespace holdfast::evaluation
