#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "evaluation/golden_rows.h"
#include "evaluation/statistics/paired.h"
#include "evaluation/statistics/power.h"
#include "evaluation/statistics/survival.h"
#include "evaluation/statistics/variance.h"

namespace holdfast::evaluation {
namespace {

const nlohmann::json& golden() {
  static const auto kGolden = testing::golden_rows("statistics_design.json");
  return kGolden;
}

// The manual of R's power.prop.test: p1 = .50, p2 = .75, power = .90 gives n = 76.7 in each group.
TEST(PromptsNeeded, EqualRsExample) {
  Design design{.baseline = 0.75, .is_paired = false, .power = 0.9};
  EXPECT_EQ(prompts_needed(design, 0.25), 77);
  EXPECT_NEAR(*detectable_difference(design, 77), 0.25, 1e-3);
}

TEST(PromptsNeeded, EqualStatsmodelsOnAThousandDesigns) {
  ASSERT_EQ(golden()["sizes"].size(), 1000);
  for (const auto& row : golden()["sizes"]) {
    const Design design{.baseline = row[0], .is_paired = false, .power = row[2], .alpha = row[3]};
    EXPECT_EQ(prompts_needed(design, row[1]), row[4].get<std::int64_t>()) << row;
    EXPECT_NEAR(*detectable_difference(design, row[4]), row[1].get<double>(), 0.02 * row[1].get<double>()) << row;
  }
}

// The promise, tried out: of 1,000 comparisons as planned, about eight in ten find the difference.
TEST(PromptsNeeded, FindThePairedDifferenceAsOftenAsSaid) {
  Random random(21);
  const Design design{.baseline = 0.9, .discordant = 0.15};
  const std::int64_t n = prompts_needed(design, 0.05);
  int found = 0;
  for (int run = 0; run < 2000; ++run) {
    PairedCounts pairs;
    for (std::int64_t i = 0; i < n; ++i) {
      const double u = random.uniform();
      ++(u < 0.10 ? pairs.before_only : u < 0.15 ? pairs.after_only : pairs.both);
    }
    const Interval interval = tango_interval(pairs);
    found += interval.high < 0 || interval.low > 0;
  }
  EXPECT_NEAR(found / 2000.0, 0.8, 0.03);
}

TEST(PromptsNeeded, GrowWithClustersAndShrinkWithSamples) {
  const Design plain;
  Design clustered, sampled;
  clustered.clusters_ratio = 0.5;
  EXPECT_DOUBLE_EQ(design_effect(clustered), 2);
  clustered.cluster_correlation = 0.5;
  EXPECT_DOUBLE_EQ(design_effect(clustered), 1.5);
  sampled.samples = 3;
  EXPECT_NEAR(design_effect(sampled), 2.0 / 3, 1e-15);
  EXPECT_NEAR(static_cast<double>(prompts_needed(clustered, 0.05)) / static_cast<double>(prompts_needed(plain, 0.05)),
              1.5, 0.01);
  EXPECT_LT(prompts_needed(sampled, 0.05), prompts_needed(plain, 0.05));
  EXPECT_FALSE(detectable_difference(plain, 1).has_value());
  EXPECT_FALSE(detectable_difference(plain, 0).has_value());
  EXPECT_NEAR(rate_after({.baseline = 0.02}, 0.05), 0.07, 1e-15);  // no rate below 0
  EXPECT_EQ(discordant_share({.discordant = 0.01}, 0.05), 0.05);
}

TEST(VarianceParts, EqualAnswersHaveNoSpreadNotEvenOfRounding) {
  for (const int prompts : {7, 40, 113}) {
    for (const int seeds : {1, 3, 7}) {
      std::vector<Observation> observations;
      for (int i = 0; i < prompts * seeds * 3; ++i) observations.push_back({i % prompts, i / prompts % seeds, 1});
      const auto parts = variance_parts(observations);
      EXPECT_EQ(parts.mean, 1);
      EXPECT_EQ(parts.standard_error, 0);
      EXPECT_EQ(parts.prompt, 0);
    }
  }
}

// Montgomery, Design and Analysis of Experiments, the thermal-impedance gauge study: 20 parts, 3 operators, 2 readings.
TEST(VarianceParts, EqualMontgomerysExample) {
  const int readings[20][6] = {
      {21, 20, 20, 20, 19, 21}, {24, 23, 24, 24, 23, 24}, {20, 21, 19, 21, 20, 22}, {27, 27, 28, 26, 27, 28},
      {19, 18, 19, 18, 18, 21}, {23, 21, 24, 21, 23, 22}, {22, 21, 22, 24, 22, 20}, {19, 17, 18, 20, 19, 18},
      {24, 23, 25, 23, 24, 24}, {25, 23, 26, 25, 24, 25}, {21, 20, 20, 20, 21, 20}, {18, 19, 17, 19, 18, 19},
      {23, 25, 25, 25, 25, 25}, {24, 24, 23, 25, 24, 25}, {29, 30, 30, 28, 31, 30}, {26, 26, 25, 26, 25, 27},
      {20, 20, 19, 20, 20, 20}, {19, 21, 19, 19, 21, 23}, {25, 26, 25, 24, 25, 25}, {19, 19, 18, 17, 19, 17}};
  std::vector<Observation> observations;
  for (int part = 0; part < 20; ++part) {
    for (int i = 0; i < 6; ++i) observations.push_back({part, i / 2, static_cast<double>(readings[part][i])});
  }
  const VarianceParts parts = variance_parts(observations);
  EXPECT_NEAR(*parts.prompt, 10.28, 5e-3);
  EXPECT_NEAR(*parts.seed, 0.0149, 5e-5);
  EXPECT_EQ(*parts.prompt_by_seed, 0);  // -0.14 by its mean squares
  EXPECT_NEAR(*parts.sampling, 0.99, 5e-3);
}

std::vector<Observation> observations_of(const nlohmann::json& row) {
  std::vector<Observation> observations;
  const std::int32_t seeds = row[0][1], samples = row[0][2];
  for (std::size_t i = 0; i < row[1].size(); ++i) {
    const auto place = static_cast<std::int32_t>(i);
    observations.push_back({place / (seeds * samples), place / samples % seeds, row[1][i]});
  }
  return observations;
}

TEST(VarianceParts, EqualStatsmodelsMeanSquares) {
  for (const auto& row : golden()["variance"]) {
    const VarianceParts parts = variance_parts(observations_of(row));
    EXPECT_NEAR(*parts.prompt, row[2][0].get<double>(), 1e-11) << row;
    EXPECT_NEAR(*parts.seed, row[2][1].get<double>(), 1e-11) << row;
    EXPECT_NEAR(*parts.prompt_by_seed, row[2][2].get<double>(), 1e-11) << row;
    EXPECT_NEAR(*parts.sampling, row[2][3].get<double>(), 1e-11) << row;
    EXPECT_LT(parts.interval.low, parts.mean);
  }
}

TEST(VarianceParts, AreAbsentWhereTheDataCannotTell) {
  const auto all = observations_of(golden()["variance"][0]);
  std::vector<Observation> one_seed, one_sample;
  for (const auto& one : all) {
    if (one.seed == 0) one_seed.push_back(one);
    if (one_sample.empty() || one_sample.back().prompt != one.prompt || one_sample.back().seed != one.seed)
      one_sample.push_back(one);
  }
  const VarianceParts single = variance_parts(one_seed);
  EXPECT_FALSE(single.seed.has_value());
  EXPECT_FALSE(single.prompt_by_seed.has_value());
  EXPECT_TRUE(single.sampling.has_value());
  EXPECT_GT(single.standard_error, 0);
  EXPECT_FALSE(variance_parts(one_sample).sampling.has_value());
  EXPECT_TRUE(variance_parts(one_sample).seed.has_value());
  EXPECT_TRUE(std::isnan(variance_parts({}).mean));
  auto holed = all;
  holed.pop_back();
  EXPECT_EQ(variance_parts(holed).left_out, 1);
  EXPECT_EQ(variance_parts(holed).prompts + 1, variance_parts(all).prompts);
}

// Freireich et al. 1963, 6-mercaptopurine: weeks of remission, as in Kalbfleisch and Prentice and in Cox and Oakes.
TEST(KaplanMeier, EqualsThePublishedLeukaemiaTable) {
  std::vector<Lifetime> weeks;
  for (const double t : {6, 6, 6, 7, 10, 13, 16, 22, 23}) weeks.push_back({t, true});
  for (const double t : {6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35}) weeks.push_back({t, false});
  const Survival found = kaplan_meier(weeks);
  const double survival[] = {0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448};
  const double error[] = {0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346};
  ASSERT_EQ(found.steps.size(), 7);
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_NEAR(found.steps[i].survival, survival[i], 5.1e-4);
    EXPECT_NEAR(found.steps[i].standard_error, error[i], 5.1e-5);
  }
  EXPECT_EQ(found.median, 23);
}

TEST(KaplanMeier, EqualsLifelinesOnAThousandSamples) {
  ASSERT_EQ(golden()["survival"].size(), 1000);
  for (const auto& row : golden()["survival"]) {
    std::vector<Lifetime> lifetimes;
    for (std::size_t i = 0; i < row[0].size(); ++i) lifetimes.push_back({row[0][i], row[1][i] == 1});
    const Survival found = kaplan_meier(lifetimes);
    bool is_half = false;  // where survival is exactly 1/2, lifelines' rounding decides
    for (const auto& step : found.steps) {
      is_half = is_half || std::abs(step.survival - 0.5) < 1e-9;
      if (step.time != row[2][0].get<double>()) continue;
      EXPECT_NEAR(step.survival, row[2][1].get<double>(), 1e-11) << row;
      EXPECT_NEAR(step.interval.low, row[2][2].get<double>(), 1e-9) << row;
      EXPECT_NEAR(step.interval.high, row[2][3].get<double>(), 1e-9) << row;
    }
    if (!is_half) {
      EXPECT_EQ(found.median.value_or(-1), row[3][0].get<double>()) << row;
    }
    EXPECT_EQ(found.median_low.value_or(-1), row[3][1].get<double>()) << row;
    EXPECT_EQ(found.median_high.value_or(-1), row[3][2].get<double>()) << row;
  }
}

TEST(KaplanMeier, HasNoMedianWhereHalfNeverFell) {
  const Lifetime lifetimes[] = {{1, true}, {2, false}, {2, false}, {2, false}};
  EXPECT_FALSE(kaplan_meier(lifetimes).median.has_value());
  EXPECT_TRUE(kaplan_meier({}).steps.empty());
}

}  // namespace
}  // namespace holdfast::evaluation
