#include "evaluation/statistics.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace holdfast::evaluation {
namespace {

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

TEST(Wilson, CoversAboutNinetyFiveInAHundred) {
  Random random(11);
  int covered = 0;
  for (int run = 0; run < 4000; ++run) {
    int k = 0;
    for (int i = 0; i < 80; ++i) k += random.uniform() < 0.3;
    const Interval interval = wilson(k, 80);
    covered += interval.low <= 0.3 && 0.3 <= interval.high;
  }
  EXPECT_NEAR(covered / 4000.0, 0.95, 0.015);
}

// scipy.stats.binomtest(min(b, c), b + c).pvalue
TEST(McNemar, EqualsTheBinomialTest) {
  EXPECT_EQ(mcnemar_exact(0, 0), 1);
  EXPECT_NEAR(mcnemar_exact(1, 9), 0.021484375, 1e-12);
  EXPECT_NEAR(mcnemar_exact(5, 5), 1, 1e-12);
  EXPECT_NEAR(mcnemar_exact(12, 3), 0.03515625, 1e-12);
}

TEST(PairedDifference, HasTheDifferenceInsideAndIsSymmetric) {
  const Interval a = paired_difference({36, 2, 12, 0}), b = paired_difference({36, 12, 2, 0});
  EXPECT_LT(a.low, 0.2);
  EXPECT_GT(a.high, 0.2);
  EXPECT_NEAR(a.low, -b.high, 1e-12);
  EXPECT_NEAR(a.high, -b.low, 1e-12);
}

}  // namespace
}  // namespace holdfast::evaluation
