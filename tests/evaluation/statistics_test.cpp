#include "evaluation/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/random.h"
#include "shared_data.h"

namespace holdfast::evaluation {
namespace {

// scripts/golden/statistics_counts.py names SciPy's version in it.
const nlohmann::json& golden() {
  static const auto kGolden =
      nlohmann::json::parse(read_file(testing::source_directory() / "tests/golden/statistics.json"));
  return kGolden;
}

// Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
TEST(Wilson, EqualsNewcombesTable) {
  EXPECT_NEAR(wilson(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(wilson(81, 263).high, 0.3662, 5e-5);
  EXPECT_NEAR(wilson(15, 148).low, 0.0624, 5e-5);
  EXPECT_NEAR(wilson(15, 148).high, 0.1605, 5e-5);
  EXPECT_EQ(wilson(0, 20).low, 0);
  EXPECT_NEAR(wilson(0, 20).high, 0.1611, 5e-5);
  EXPECT_NEAR(wilson(1, 29).low, 0.0061, 5e-5);
  EXPECT_NEAR(wilson(1, 29).high, 0.1718, 5e-5);
}

TEST(Wilson, EqualsScipy) {
  for (const auto& row : golden()["wilson"]) {
    const Interval interval = wilson(row["k"], row["n"]);
    EXPECT_NEAR(interval.low, row["low"].get<double>(), 1e-12) << row;
    EXPECT_NEAR(interval.high, row["high"].get<double>(), 1e-12) << row;
  }
}

TEST(Wilson, SaysNothingOfNothing) {
  EXPECT_EQ(wilson(0, 0).low, 0);
  EXPECT_EQ(wilson(0, 0).high, 1);
}

TEST(Wilson, NeverEndsAtItsOwnZero) {
  for (const std::int64_t n : {1, 100, 886, 14042}) {
    EXPECT_EQ(wilson(0, n).low, 0);
    EXPECT_GT(wilson(0, n).high, 0);
    EXPECT_EQ(wilson(n, n).high, 1);
    EXPECT_LT(wilson(n, n).low, 1);
  }
}

TEST(Wilson, CoversAboutNinetyFiveInAHundred) {
  Random random(11);
  double sum = 0;
  const double rates[] = {0.02, 0.1, 0.3, 0.5, 0.9};
  for (const double p : rates) {
    int covered = 0;
    for (int run = 0; run < 4000; ++run) {
      int k = 0;
      for (int i = 0; i < 80; ++i) k += random.uniform() < p;
      const Interval interval = wilson(k, 80);
      covered += interval.low <= p && p <= interval.high;
    }
    EXPECT_GT(covered / 4000.0, 0.90) << p;
    sum += covered / 4000.0;
  }
  EXPECT_NEAR(sum / std::size(rates), 0.95, 0.015);
}

// scipy.stats.binomtest(min(b, c), b + c).pvalue
TEST(McNemar, EqualsTheBinomialTest) {
  EXPECT_EQ(mcnemar_exact(0, 0), 1);
  EXPECT_NEAR(mcnemar_exact(1, 9), 0.021484375, 1e-12);
  EXPECT_NEAR(mcnemar_exact(5, 5), 1, 1e-12);
  EXPECT_NEAR(mcnemar_exact(12, 3), 0.03515625, 1e-12);
  for (const auto& row : golden()["mcnemar"]) {
    const double p = row["p"];
    EXPECT_NEAR(mcnemar_exact(row["b"], row["c"]), p, 1e-9 * p + 1e-300) << row;
  }
}

TEST(McNemar, RejectsNoMoreThanFiveInAHundredWhenNothingChanged) {
  Random random(12);
  int rejected = 0;
  for (int run = 0; run < 4000; ++run) {
    int b = 0;
    for (int i = 0; i < 60; ++i) b += random.uniform() < 0.5;
    rejected += mcnemar_exact(b, 60 - b) < 0.05;
  }
  EXPECT_LE(rejected / 4000.0, 0.055);
}

TEST(PairedDifference, EqualsPublishedExamples) {
  // Newcombe, Statistics in Medicine 17 (1998) 2635-2650, table II, method 10: 36, 12, 2, 0.
  const Interval newcombe = paired_difference({36, 2, 12, 0});
  EXPECT_NEAR(newcombe.low, 0.0569, 5e-5);
  EXPECT_NEAR(newcombe.high, 0.3404, 5e-5);
  // Altman, Machin, Bryant, Gardner, "Statistics with confidence" (2000), table 6.2: 14, 5, 0, 22.
  const Interval altman = paired_difference({14, 0, 5, 22});
  EXPECT_NEAR(altman.low, 0.011, 5e-4);
  EXPECT_NEAR(altman.high, 0.226, 5e-4);
}

TEST(PairedDifference, EqualsThePapersFormulasOnScipysLimits) {
  for (const auto& row : golden()["paired"]) {
    const auto& c = row["counts"];  // both, second only, first only, neither; of first minus second
    const Interval interval = paired_difference({c[0], c[1], c[2], c[3]});
    EXPECT_NEAR(interval.low, row["low"].get<double>(), 1e-12) << row;
    EXPECT_NEAR(interval.high, row["high"].get<double>(), 1e-12) << row;
  }
}

TEST(PairedDifference, HasTheDifferenceInsideAndIsSymmetric) {
  const Interval a = paired_difference({36, 2, 12, 0}), b = paired_difference({36, 12, 2, 0});
  EXPECT_LT(a.low, 0.2);
  EXPECT_GT(a.high, 0.2);
  EXPECT_NEAR(a.low, -b.high, 1e-12);
  EXPECT_NEAR(a.high, -b.low, 1e-12);
  EXPECT_EQ(paired_difference({}).low, -1);
  EXPECT_EQ(paired_difference({}).high, 1);
  EXPECT_EQ(paired_difference({0, 0, 520, 0}).high, 1);
}

TEST(PairedDifference, CoversAboutNinetyFiveInAHundred) {
  Random random(13);
  int covered = 0;
  for (int run = 0; run < 4000; ++run) {
    PairedCounts pairs;  // before 0.70, after 0.58
    for (int i = 0; i < 100; ++i) {
      const double u = random.uniform();
      ++(u < 0.52 ? pairs.both : u < 0.70 ? pairs.before_only : u < 0.76 ? pairs.after_only : pairs.neither);
    }
    const Interval interval = paired_difference(pairs);
    covered += interval.low <= -0.12 && -0.12 <= interval.high;
  }
  EXPECT_NEAR(covered / 4000.0, 0.955, 0.015);
}

// The definition, tried out: a change of that size is found about four times in five.
TEST(MinimumDetectable, IsFoundInEightyOfAHundred) {
  Random random(14);
  const std::int64_t n = 1000;
  const double discordant = 0.2, difference = minimum_detectable_difference(n, discordant);
  EXPECT_NEAR(difference, 2.8016 * std::sqrt(0.2 / 1000), 1e-4);
  int found = 0;
  for (int run = 0; run < 2000; ++run) {
    std::int64_t lost = 0, gained = 0;
    for (int i = 0; i < n; ++i) {
      const double u = random.uniform();
      if (u < (discordant + difference) / 2)
        ++lost;
      else if (u < discordant)
        ++gained;
    }
    found += mcnemar_exact(lost, gained) < 0.05;
  }
  EXPECT_NEAR(found / 2000.0, 0.80, 0.04);
}

TEST(MinimumDetectable, HasEdges) {
  EXPECT_EQ(minimum_detectable_difference(0, 0.1), 1);
  EXPECT_EQ(minimum_detectable_difference(1, 1), 1);
  EXPECT_GT(minimum_detectable_difference(100, 0), 0);
}

}  // namespace
}  // namespace holdfast::evaluation
