#include <gtest/gtest.h>

#include <cmath>

#include "evaluation/golden_rows.h"
#include "evaluation/statistics/distributions.h"
#include "evaluation/statistics/equivalence.h"
#include "evaluation/statistics/paired.h"
#include "evaluation/statistics/proportion.h"

namespace holdfast::evaluation {
namespace {

const nlohmann::json& golden() {
  static const auto kGolden = testing::golden_rows("statistics_intervals.json");
  return kGolden;
}

void expect_close(double found, const nlohmann::json& expected, const nlohmann::json& row, double relative = 1e-11) {
  const double value = expected;
  EXPECT_NEAR(found, value, relative * std::abs(value) + 1e-300) << row;
}

TEST(Distributions, EqualScipyInAThousandPlaces) {
  const auto rows = testing::golden_rows("distributions.json")["rows"];
  ASSERT_EQ(rows.size(), 1000);
  for (const auto& row : rows) {
    expect_close(normal_quantile(row[0]), row[1], row);
    expect_close(beta_cdf(row[4], row[2], row[3]), row[5], row);
    expect_close(beta_quantile(row[0], row[2], row[3]), row[6], row);
    expect_close(student_quantile(row[0], row[7]), row[8], row);
    expect_close(binomial_pmf(row[9], row[10], row[11]), row[12], row);
    expect_close(binomial_cdf(row[9], row[10], row[11]), row[13], row);
  }
}

TEST(Distributions, HaveEdges) {
  EXPECT_EQ(beta_cdf(0, 2, 3), 0);
  EXPECT_EQ(beta_cdf(1, 2, 3), 1);
  EXPECT_EQ(beta_quantile(0, 2, 3), 0);
  EXPECT_EQ(binomial_pmf(0, 0, 0.3), 1);
  EXPECT_EQ(binomial_pmf(3, 3, 1), 1);
  EXPECT_EQ(binomial_cdf(-1, 3, 0.5), 0);
  EXPECT_EQ(binomial_cdf(3, 3, 0.5), 1);
  EXPECT_EQ(student_quantile(0.5, 4), 0);
  EXPECT_NEAR(student_critical_value(0.95, 1), 12.7062, 5e-5);  // any table of Student's distribution
  EXPECT_NEAR(student_critical_value(0.95, 10), 2.2281, 5e-5);
  EXPECT_NEAR(critical_value(0.9), 1.6449, 5e-5);
}

// Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 5.
TEST(ClopperPearson, EqualsNewcombesTable) {
  EXPECT_NEAR(clopper_pearson(81, 263).low, 0.2527, 5e-5);
  EXPECT_NEAR(clopper_pearson(81, 263).high, 0.3676, 5e-5);
  EXPECT_NEAR(clopper_pearson(15, 148).low, 0.0578, 5e-5);
  EXPECT_NEAR(clopper_pearson(15, 148).high, 0.1617, 5e-5);
  EXPECT_EQ(clopper_pearson(0, 20).low, 0);
  EXPECT_NEAR(clopper_pearson(0, 20).high, 0.1684, 5e-5);
  EXPECT_NEAR(clopper_pearson(1, 29).low, 0.0009, 5e-5);
  EXPECT_NEAR(clopper_pearson(1, 29).high, 0.1776, 5e-5);
  EXPECT_EQ(clopper_pearson(20, 20).high, 1);
  EXPECT_EQ(clopper_pearson(0, 0).low, 0);
  EXPECT_EQ(clopper_pearson(0, 0).high, 1);
}

TEST(ClopperPearson, EqualsScipyOnAThousandCountsUpToAMillion) {
  ASSERT_EQ(golden()["proportion"].size(), 1000);
  for (const auto& row : golden()["proportion"]) {
    const Interval exact = clopper_pearson(row[0], row[1], row[2]), score = wilson(row[0], row[1], row[2]);
    EXPECT_NEAR(exact.low, row[3].get<double>(), 1e-11) << row;
    EXPECT_NEAR(exact.high, row[4].get<double>(), 1e-11) << row;
    EXPECT_NEAR(score.low, row[5].get<double>(), 1e-11) << row;
    EXPECT_NEAR(score.high, row[6].get<double>(), 1e-11) << row;
  }
}

TEST(McNemar, EqualsTheBinomialTestOnAThousandCountsUpToAMillion) {
  ASSERT_EQ(golden()["mcnemar"].size(), 1000);
  for (const auto& row : golden()["mcnemar"]) expect_close(mcnemar_exact(row[0], row[1]), row[2], row);
  EXPECT_EQ(mcnemar_exact(500000, 500000), 1);
}

// Fagerland, Lydersen, Laake, Statistics in Medicine 33 (2014) 2850-2875: airway hyper-responsiveness before and after
// stem cell transplantation, 1, 1, 7, 12: Tango -0.517 to -0.026, Newcombe -0.507 to -0.026.
TEST(Tango, EqualsPublishedExamples) {
  const PairedCounts airway{1, 7, 1, 12};
  EXPECT_NEAR(tango_interval(airway).low, -0.517, 5e-4);
  EXPECT_NEAR(tango_interval(airway).high, -0.026, 5e-4);
  EXPECT_NEAR(paired_difference(airway).low, -0.507, 5e-4);
  EXPECT_NEAR(paired_difference(airway).high, -0.026, 5e-4);
  // Tango, Statistics in Medicine 17 (1998) 891-908: disinfection of soft contact lenses, 43, 0, 1, 0, margin 0.1: Z
  // = 1.709.
  EXPECT_NEAR(tango_statistic({43, 1, 0, 0}, -0.1), 1.709, 5e-4);
}

TEST(Tango, EqualsScipysRootsOnAThousandTables) {
  ASSERT_EQ(golden()["tango"].size(), 1000);
  for (const auto& row : golden()["tango"]) {
    const PairedCounts pairs{row[0], row[1], row[2], row[3]};
    const double level = row[4], margin = row[7];
    const Interval interval = tango_interval(pairs, level);
    EXPECT_NEAR(interval.low, row[5].get<double>(), 1e-10) << row;
    EXPECT_NEAR(interval.high, row[6].get<double>(), 1e-10) << row;
    expect_close(non_inferiority_p(pairs, margin), row[8], row, 1e-8);
    expect_close(equivalence(pairs, margin).p, row[9], row, 1e-8);
  }
}

TEST(Tango, HasEdges) {
  EXPECT_EQ(tango_interval({}).low, -1);
  EXPECT_EQ(tango_interval({}).high, 1);
  const Interval lost = tango_interval({0, 20, 0, 0});
  EXPECT_EQ(lost.low, -1);
  EXPECT_LT(lost.high, -0.6);
  const Interval same = tango_interval({20, 0, 0, 20});
  EXPECT_NEAR(same.low, -same.high, 1e-12);
  EXPECT_GT(same.high, 0.05);
}

TEST(Equivalence, IsShownWhenTheIntervalLiesInsideTheMargin) {
  for (const auto& row : golden()["tango"]) {
    const PairedCounts pairs{row[0], row[1], row[2], row[3]};
    const Equivalence found = equivalence(pairs, 0.05);
    EXPECT_EQ(found.is_shown, -0.05 < found.interval.low && found.interval.high < 0.05) << row;
  }
  EXPECT_FALSE(equivalence({}, 0.05).is_shown);
  EXPECT_FALSE(equivalence({10, 0, 0, 0}, 0.05).is_shown);  // no difference, and too few items to say so
  EXPECT_TRUE(equivalence({700, 10, 10, 280}, 0.05).is_shown);
}

TEST(NonInferiority, ForgivesAGainAndNotALoss) {
  EXPECT_LT(non_inferiority_p({500, 10, 150, 340}, 0.05), 1e-6);
  EXPECT_GT(equivalence({500, 10, 150, 340}, 0.05).p, 0.5);
  EXPECT_GT(non_inferiority_p({500, 150, 10, 340}, 0.05), 0.5);
}

}  // namespace
}  // namespace holdfast::evaluation
