#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/random.h"
#include "evaluation/statistics/proportion.h"
#include "evaluation/statistics/stratified_share.h"

namespace holdfast::evaluation {
namespace {

TEST(StratifiedShare, OfOneStratumIsWilsons) {
  for (const auto& [k, n] : {std::pair{0, 10}, std::pair{3, 10}, std::pair{10, 10}, std::pair{149, 250}}) {
    const ShareStratum all{static_cast<double>(n), n, k, n - k};
    const Estimate found = stratified_share(std::vector{all});
    EXPECT_DOUBLE_EQ(found.value, k / static_cast<double>(n));
    EXPECT_NEAR(found.interval.low, wilson(k, n).low, 1e-9) << k;
    EXPECT_NEAR(found.interval.high, wilson(k, n).high, 1e-9) << k;
    EXPECT_EQ(effective_number(found.value, found.interval), n);
  }
}

TEST(StratifiedShare, WeighsEachStratumByItsSize) {
  const std::vector<ShareStratum> strata = {{100, 10, 8, 1}, {300, 10, 1, 9}};
  EXPECT_DOUBLE_EQ(stratified_share(strata).value, (80.0 + 30) / (80 + 30 + 10 + 270));
}

// None of ten were against in a stratum of four hundred: some may be, and against few that are in favour they count.
TEST(StratifiedShare, KnowsThatFewOfManyWereLookedAt) {
  const std::vector<ShareStratum> strata = {{40, 40, 40, 0}, {400, 10, 0, 0}};
  const Estimate found = stratified_share(strata);
  EXPECT_EQ(found.value, 1);
  EXPECT_EQ(found.interval.high, 1);
  EXPECT_LT(found.interval.low, 0.4) << "up to a quarter of the four hundred";
  EXPECT_LE(effective_number(found.value, found.interval), 6);
}

TEST(StratifiedShare, OfNothingIsUnknown) {
  for (const auto& strata : {std::vector<ShareStratum>{}, std::vector<ShareStratum>{{10, 5, 0, 0}}}) {
    const Estimate found = stratified_share(strata);
    EXPECT_TRUE(std::isnan(found.value));
    EXPECT_EQ(found.interval.low, 0);
    EXPECT_EQ(found.interval.high, 1);
  }
}

// Whatever is counted, the interval lies in [0, 1], holds the estimate, and more labels make it no wider.
TEST(StratifiedShare, IsAnIntervalAroundTheShare) {
  Random random(3);
  for (int run = 0; run < 1000; ++run) {
    std::vector<ShareStratum> few, many;
    for (std::uint64_t i = 0, count = 1 + random.below(4); i < count; ++i) {
      const auto drawn = static_cast<std::int64_t>(1 + random.below(30));
      const auto in_favour = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(drawn) + 1));
      const auto against = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(drawn - in_favour) + 1));
      const double size = 9.0 * static_cast<double>(drawn) + static_cast<double>(random.below(500));
      few.push_back({size, drawn, in_favour, against});
      many.push_back({size, 9 * drawn, 9 * in_favour, 9 * against});
    }
    const Estimate found = stratified_share(few), more = stratified_share(many);
    if (std::isnan(found.value)) continue;
    EXPECT_LE(0, found.interval.low);
    EXPECT_LE(found.interval.low, found.value);
    EXPECT_LE(found.value, found.interval.high);
    EXPECT_LE(found.interval.high, 1);
    EXPECT_LE(more.interval.high - more.interval.low, found.interval.high - found.interval.low + 1e-9);
    EXPECT_GE(effective_number(found.value, found.interval), 1);
  }
}

TEST(EffectiveNumber, IsAtLeastOne) {
  EXPECT_EQ(effective_number(0.5, {0, 1}), 1);
  EXPECT_EQ(effective_number(1, {0, 1}), 1);
}

}  // namespace
}  // namespace holdfast::evaluation
