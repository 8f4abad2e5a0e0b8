#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "evaluation/golden_rows.h"
#include "evaluation/statistics/bootstrap.h"
#include "evaluation/statistics/clustered.h"
#include "evaluation/statistics/groups.h"
#include "evaluation/statistics/holm.h"
#include "evaluation/statistics/near_duplicates.h"
#include "evaluation/statistics/paired.h"
#include "evaluation/statistics/resampler.h"

namespace holdfast::evaluation {
namespace {

const nlohmann::json& golden() {
  static const auto kGolden = testing::golden_rows("statistics_means.json");
  return kGolden;
}

TEST(ClusteredMean, EqualsStatsmodelsOnAThousandTables) {
  ASSERT_EQ(golden()["clustered"].size(), 1000);
  for (const auto& row : golden()["clustered"]) {
    const auto values = row[0].get<std::vector<double>>();
    const auto cluster = row[1].get<std::vector<std::int64_t>>();
    const Estimate mean = clustered_mean(values, cluster);
    EXPECT_NEAR(mean.value, row[2].get<double>(), 1e-11) << row;
    EXPECT_NEAR(mean.standard_error, row[3].get<double>(), 1e-10) << row;
    EXPECT_NEAR(mean.interval.low, row[4].get<double>(), 1e-9) << row;
    EXPECT_NEAR(mean.interval.high, row[5].get<double>(), 1e-9) << row;
  }
}

TEST(ClusteredMean, IsTheOrdinaryOneWhenEachItemIsItsOwnCluster) {
  const double values[] = {1, 0, 1, 1, 0, 1};
  const std::int64_t own[] = {5, 9, 2, 1, 7, 3}, one[] = {4, 4, 4, 4, 4, 4};
  EXPECT_NEAR(clustered_mean(values, own).standard_error, group_of(values).standard_error, 1e-15);
  EXPECT_TRUE(std::isnan(clustered_mean(values, one).standard_error));
  EXPECT_TRUE(std::isinf(clustered_mean(values, one).interval.high));
  EXPECT_TRUE(std::isnan(clustered_mean({}, {}).value));
}

TEST(GroupMeans, EqualLmEvalsOnAThousandSetsOfGroups) {
  const auto rows = testing::golden_rows("statistics_groups.json")["rows"];
  ASSERT_EQ(rows.size(), 1000);
  for (const auto& row : rows) {
    std::vector<Group> groups;
    for (std::size_t i = 0; i < row[0].size(); ++i) {
      std::vector<double> values(row[1][i].get<std::size_t>());
      std::fill_n(values.begin(), row[0][i].get<std::size_t>(), 1);
      groups.push_back(group_of(values));
    }
    EXPECT_NEAR(stratified_mean(groups).value, row[2].get<double>(), 1e-11) << row;
    EXPECT_NEAR(stratified_mean(groups, GroupWeight::kEqual).value, row[3].get<double>(), 1e-11) << row;
    EXPECT_NEAR(pooled_standard_error(groups), row[4].get<double>(), 1e-11) << row;
    EXPECT_NEAR(stratified_mean(groups).standard_error, row[5].get<double>(), 1e-11) << row;
    EXPECT_NEAR(stratified_mean(groups, GroupWeight::kEqual).standard_error, row[6].get<double>(), 1e-11) << row;
  }
}

TEST(GroupMeans, DifferAsIndependentOnes) {
  const Estimate difference = difference_of({0.5, 0.03, {}}, {0.7, 0.04, {}});
  EXPECT_NEAR(difference.value, 0.2, 1e-15);
  EXPECT_NEAR(difference.standard_error, 0.05, 1e-15);
  EXPECT_NEAR(difference.interval.low, 0.2 - 1.959964 * 0.05, 1e-7);
  EXPECT_TRUE(std::isnan(pooled_standard_error({})));
  EXPECT_TRUE(std::isnan(stratified_mean({}).value));
}

// Four hypotheses at 0.01, 0.04, 0.03, 0.005: the first and the last are rejected at 0.05.
TEST(Holm, EqualsTheTextbookExample) {
  const double p[] = {0.01, 0.04, 0.03, 0.005};
  const auto adjusted = holm(p);
  EXPECT_NEAR(adjusted[0], 0.03, 1e-15);
  EXPECT_NEAR(adjusted[1], 0.06, 1e-15);
  EXPECT_NEAR(adjusted[2], 0.06, 1e-15);
  EXPECT_NEAR(adjusted[3], 0.02, 1e-15);
  EXPECT_TRUE(holm({}).empty());
}

TEST(Holm, EqualsStatsmodelsOnAThousandFamilies) {
  ASSERT_EQ(golden()["holm"].size(), 1000);
  for (const auto& row : golden()["holm"]) {
    const auto adjusted = holm(row[0].get<std::vector<double>>());
    for (std::size_t i = 0; i < adjusted.size(); ++i) EXPECT_NEAR(adjusted[i], row[1][i].get<double>(), 1e-11) << row;
  }
}

// One value a member, so that the cluster's sum and size are the golden file's.
Bootstrap bootstrap_of(const nlohmann::json& row, BootstrapMethod method) {
  std::vector<double> values;
  std::vector<std::int64_t> cluster;
  for (std::size_t i = 0; i < row[0].size(); ++i) {
    for (int member = 0; member < row[1][i]; ++member) {
      values.push_back(row[0][i].get<double>() / row[1][i].get<double>());
      cluster.push_back(static_cast<std::int64_t>(i));
    }
  }
  return cluster_bootstrap(values, cluster, {.method = method, .draws = 40000});
}

// Two sets of draws differ: an end by a few hundredths of the width.
TEST(ClusterBootstrap, EqualsScipysUpToTheDraws) {
  ASSERT_EQ(golden()["bootstrap"].size(), 12);
  for (const auto& row : golden()["bootstrap"]) {
    const Bootstrap percentile = bootstrap_of(row, BootstrapMethod::kPercentile);
    const Bootstrap bca = bootstrap_of(row, BootstrapMethod::kBca);
    const double width = row[3].get<double>() - row[2].get<double>();
    EXPECT_NEAR(percentile.interval.low, row[2].get<double>(), 0.025 * width);
    EXPECT_NEAR(percentile.interval.high, row[3].get<double>(), 0.025 * width);
    EXPECT_NEAR(bca.interval.low, row[4].get<double>(), 0.03 * width);
    EXPECT_NEAR(bca.interval.high, row[5].get<double>(), 0.03 * width);
    EXPECT_NEAR(bca.standard_error, row[6].get<double>(), 0.01 * width);
    EXPECT_EQ(bca.clusters, static_cast<std::int64_t>(row[0].size()));
  }
}

TEST(ClusterBootstrap, AgreesWithTheScoreIntervalOfManyPairs) {
  std::vector<double> differences(2000);
  std::vector<std::int64_t> cluster(2000);
  for (std::size_t i = 0; i < differences.size(); ++i) {
    differences[i] = i < 400 ? -1 : i < 500 ? 1 : 0;
    cluster[i] = static_cast<std::int64_t>(i);
  }
  const Interval score = tango_interval({900, 400, 100, 600});
  for (const auto method : {BootstrapMethod::kPercentile, BootstrapMethod::kBca, BootstrapMethod::kStudentised}) {
    const Bootstrap found = cluster_bootstrap(differences, cluster, {.method = method});
    EXPECT_DOUBLE_EQ(found.value, -0.15);
    EXPECT_NEAR(found.interval.low, score.low, 0.001);
    EXPECT_NEAR(found.interval.high, score.high, 0.001);
    EXPECT_EQ(found.interval.low, cluster_bootstrap(differences, cluster, {.method = method}).interval.low);
  }
}

TEST(ClusterBootstrap, TakesPercentilesWhereDrawsHaveNoErrorOfTheirOwn) {
  std::vector<double> differences(500);
  std::vector<std::int64_t> cluster(500);
  for (std::size_t i = 0; i < differences.size(); ++i) {
    differences[i] = i < 2 ? -1 : 0;
    cluster[i] = static_cast<std::int64_t>(i);
  }
  const Interval found = cluster_bootstrap(differences, cluster).interval;
  const Interval percentile =
      cluster_bootstrap(differences, cluster, {.method = BootstrapMethod::kPercentile}).interval;
  EXPECT_EQ(found.low, percentile.low);
  EXPECT_EQ(found.high, percentile.high);
}

TEST(ClusterBootstrap, SaysWhenTheDrawsKnowNothing) {
  const double zeros[] = {0, 0, 0};
  const std::int64_t own[] = {0, 1, 2}, one[] = {0, 0, 0};
  const double mixed[] = {0, 1, 0};
  EXPECT_TRUE(cluster_bootstrap(zeros, own).is_degenerate);
  EXPECT_TRUE(cluster_bootstrap(mixed, one).is_degenerate);
  EXPECT_FALSE(cluster_bootstrap(mixed, own).is_degenerate);
}

// Draws by kinds of rows and draws unit by unit come from one distribution.
TEST(Resampler, DrawsKindsAsItDrawsUnits) {
  std::vector<double> few(1000), many(1000);
  for (std::size_t i = 0; i < few.size(); ++i) {
    few[i] = i < 300 ? 1 : i < 400 ? -1 : 0;
    many[i] = few[i] + 1e-9 * static_cast<double>(i);
  }
  for (const auto& rows : {few, many}) {
    const Resampler resampler(rows, 1);
    Random random(5);
    double sum = 0, squares = 0, drawn = 0;
    const int draws = 20000;
    for (int i = 0; i < draws; ++i) {
      resampler.draw(random, {&drawn, 1});
      sum += drawn;
      squares += drawn * drawn;
    }
    const double mean = sum / draws;  // 200, with a variance of 1000 (0.4 - 0.04) a draw
    EXPECT_NEAR(mean, 200, 4 * std::sqrt(360.0 / draws));
    EXPECT_NEAR(squares / draws - mean * mean, 360, 360 * 4 * std::sqrt(2.0 / draws));
  }
  EXPECT_EQ(Resampler(few, 1).kinds(), 3);
  EXPECT_EQ(Resampler(many, 1).kinds(), 1000);
}

TEST(DrawBinomial, HasTheBinomialsDistribution) {
  Random random(6);
  struct Case {
    std::int64_t n;
    double p;
  };
  for (const auto& [n, p] : {Case{1, 0.5}, Case{7, 0.3}, Case{500, 0.02}, Case{10000, 0.9}}) {
    double sum = 0, squares = 0;
    for (int i = 0; i < 20000; ++i) {
      const auto k = static_cast<double>(draw_binomial(random, n, p));
      ASSERT_TRUE(0 <= k && k <= static_cast<double>(n));
      sum += k / 20000;
      squares += k * k / 20000;
    }
    const double mean = static_cast<double>(n) * p, variance = mean * (1 - p);
    EXPECT_NEAR(sum, mean, 4 * std::sqrt(variance / 20000));
    EXPECT_NEAR(squares - sum * sum, variance, 0.06 * variance);
  }
  EXPECT_EQ(draw_binomial(random, 0, 0.5), 0);
  EXPECT_EQ(draw_binomial(random, 9, 0), 0);
  EXPECT_EQ(draw_binomial(random, 9, 1), 9);
}

const char* const kWords[] = {"knit",  "purl", "wool", "row", "needle", "stitch",
                              "scarf", "blue", "warm", "hat", "cast",   "bind"};

TEST(NearDuplicates, EqualConnectedComponentsOfAllPairs) {
  for (const auto& row : golden()["duplicates"]) {
    std::vector<std::string> prompts;
    for (std::size_t i = 0; i + 2 < row.size(); ++i) {
      std::string prompt;
      for (const int word : row[i]) prompt += std::string(kWords[word]) + ", ";
      prompts.push_back(prompt);
    }
    const auto clusters = near_duplicates(prompts, row[row.size() - 2][0]);
    EXPECT_EQ(clusters.of, row.back().get<std::vector<std::int64_t>>()) << row;
  }
}

TEST(NearDuplicates, LookAtWordsAlone) {
  const std::vector<std::string> prompts = {
      "How do I knit a blue scarf?", "how do i KNIT a blue scarf", "Knit me a hat", "", "", "!?",
      "Wie stricke ich Fäustlinge",  "wie stricke ich Fäustlinge!"};
  const auto clusters = near_duplicates(prompts);
  EXPECT_EQ(clusters.of, (std::vector<std::int64_t>{0, 0, 1, 2, 2, 3, 4, 4}));
  EXPECT_EQ(clusters.count, 5);
  EXPECT_EQ(near_duplicates({}).count, 0);
}

TEST(NearDuplicates, FindThoseAmongTenThousand) {
  Random random(8);
  std::vector<std::string> prompts;
  for (int i = 0; i < 10000; ++i) {
    std::string prompt = "please tell me how to";  // words of every prompt
    for (int word = 0; word < 8; ++word)
      prompt += " w" + std::to_string(static_cast<int>(3000 * std::pow(random.uniform(), 3)));
    if (i % 10 == 9) prompt = prompts[random.below(prompts.size())] + " again";
    prompts.push_back(prompt);
  }
  const auto clusters = near_duplicates(prompts);
  EXPECT_LT(clusters.count, 9001);
  EXPECT_GT(clusters.count, 8000);
}

}  // namespace
}  // namespace holdfast::evaluation
