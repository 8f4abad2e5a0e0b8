#include <gtest/gtest.h>

#include <cmath>

#include "evaluation/golden_rows.h"
#include "evaluation/statistics/coverage.h"
#include "evaluation/statistics/curve.h"
#include "evaluation/statistics/proportion.h"

namespace holdfast::evaluation {
namespace {

TEST(NonIncreasing, EqualsScipysIsotonicRegression) {
  const auto rows = testing::golden_rows("statistics_isotonic.json")["rows"];
  ASSERT_EQ(rows.size(), 1000);
  for (const auto& row : rows) {
    const auto fitted = non_increasing(row[0].get<std::vector<double>>());
    ASSERT_EQ(fitted.size(), row[1].size());
    for (std::size_t i = 0; i < fitted.size(); ++i) EXPECT_NEAR(fitted[i], row[1][i].get<double>(), 1e-11) << row;
  }
  EXPECT_TRUE(non_increasing({}).empty());
}

// `refused[t]` of a hundred items at checkpoint t, the same first ones.
struct Items {
  explicit Items(const std::vector<int>& refused) : checkpoints(refused.size()) {
    for (int item = 0; item < 100; ++item) {
      for (const int count : refused) outcomes.push_back(item < count);
      cluster.push_back(item);
    }
  }
  Curve curve() const { return {outcomes, cluster, checkpoints}; }

  std::vector<double> outcomes;
  std::vector<std::int64_t> cluster;
  std::size_t checkpoints;
};

TEST(Band, IsWiderThanOneIntervalAndNoWiderThanBonferroni) {
  const Items items({96, 80, 50, 20});
  const Band band = simultaneous_band(items.curve());
  EXPECT_FALSE(band.is_bonferroni);
  EXPECT_GT(band.critical_value, 1.96);
  EXPECT_LE(band.critical_value, 2.4977);  // the normal quantile at 0.05 / 8
  for (std::size_t t = 0; t < 4; ++t) {
    const Interval one = wilson(std::lround(100 * band.rates[t]), 100);
    EXPECT_LT(band.intervals[t].low, one.low + 0.002);
    EXPECT_GT(band.intervals[t].high, one.high - 0.002);
  }
  EXPECT_EQ(simultaneous_band(items.curve()).critical_value, band.critical_value);  // the seed's
}

TEST(Band, OfOneCheckpointIsWilsonsInterval) {
  const Items items({40});
  const Band band = simultaneous_band(items.curve(), {.draws = 20000});
  EXPECT_NEAR(band.intervals[0].low, wilson(40, 100).low, 0.003);
  EXPECT_NEAR(band.intervals[0].high, wilson(40, 100).high, 0.003);
}

TEST(Band, FallsBackToBonferroniWhereNothingVaries) {
  const Items items({100, 0});
  const Band band = simultaneous_band(items.curve());
  EXPECT_TRUE(band.is_bonferroni);
  EXPECT_LT(band.intervals[0].low, 1);
  EXPECT_GT(band.intervals[1].high, 0);
  EXPECT_GT(band.intervals[1].high, wilson(0, 100).high);
}

TEST(TrainingUntilBelow, LiesStraightBetweenCheckpoints) {
  const Items items({90, 70, 30, 10});
  const double training[] = {0, 1000, 2000, 4000};
  const Crossing half = training_until_below(items.curve(), training, 0.5);
  EXPECT_NEAR(*half.value, 1500, 1e-6);
  EXPECT_TRUE(1000 < *half.low && *half.low < 1500);
  EXPECT_TRUE(1500 < *half.high && *half.high < 2000);
  EXPECT_EQ(half.share_not_crossed, 0);
  EXPECT_EQ(training_until_below(items.curve(), training, 0.95).value, 0);
}

TEST(TrainingUntilBelow, IsAbsentWhereTheRateStaysAbove) {
  const Items items({90, 80, 52});
  const double training[] = {0, 1000, 2000};
  const Crossing close = training_until_below(items.curve(), training, 0.5);
  EXPECT_FALSE(close.value.has_value());
  EXPECT_TRUE(close.low.has_value());  // some draws cross
  EXPECT_FALSE(close.high.has_value());
  EXPECT_GT(close.share_not_crossed, 0.5);
  const Crossing far = training_until_below(items.curve(), training, 0.1);
  EXPECT_FALSE(far.low.has_value());
  EXPECT_EQ(far.share_not_crossed, 1);
}

TEST(Coverage, IsAsClaimedInSmall) {
  const auto rows = simulate_coverage();
  EXPECT_GT(rows.size(), 30);
  for (const auto& row : rows)
    EXPECT_TRUE(row.is_as_claimed()) << row.method << ", " << row.setting << ": " << row.covered;
}

TEST(Coverage, IsNotBelowWhatIsSaidToBeTheLeast) {
  int seen = 0;
  for (const auto& row : simulate_coverage()) {
    if (!row.note.starts_with("at least 95 %")) continue;
    EXPECT_GT(row.covered, 0.95 - 3 * std::sqrt(0.95 * 0.05 / row.runs)) << row.method << ", " << row.setting;
    ++seen;
  }
  EXPECT_GE(seen, 9);
}

TEST(Coverage, SeesIgnoredClusters) {
  int seen = 0;
  for (auto row : simulate_coverage()) {
    if (row.method != "as if independent") continue;
    row.claims_nominal = true;
    EXPECT_FALSE(row.is_as_claimed()) << row.covered;
    ++seen;
  }
  EXPECT_EQ(seen, 2);
}

}  // namespace
}  // namespace holdfast::evaluation
