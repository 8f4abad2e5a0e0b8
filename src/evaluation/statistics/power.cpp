#include "evaluation/statistics/power.h"

#include <algorithm>
#include <cmath>

namespace holdfast::evaluation {
namespace {

constexpr double kZ = 1.9599639845400545;       // 97.5th percentile of the normal distribution
constexpr double kZPower = 0.8416212335729143;  // 80th

}  // namespace

double minimum_detectable_difference(std::int64_t n, double discordant) {
  if (n <= 0) return 1;
  const double count = static_cast<double>(n);
  return std::min(1.0, (kZ + kZPower) * std::sqrt(std::max(discordant, 1 / count) / count));
}

}  // namespace holdfast::evaluation
