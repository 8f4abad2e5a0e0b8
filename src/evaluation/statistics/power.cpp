#include "evaluation/statistics/power.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "evaluation/statistics/distributions.h"

namespace holdfast::evaluation {
namespace {

constexpr double kZ = 1.9599639845400545;       // 97.5th percentile of the normal distribution
constexpr double kZPower = 0.8416212335729143;  // 80th

double largest_difference(const Design& design) { return std::max(design.baseline, 1 - design.baseline); }

// Before it is rounded up.
double exact_need(const Design& design, double difference) {
  const double z_alpha = critical_value(1 - design.alpha), z_power = normal_quantile(design.power);
  const double p = design.baseline, after = rate_after(design, difference), middle = (p + after) / 2;
  const double null = design.is_paired ? discordant_share(design, difference) : 2 * middle * (1 - middle);
  const double changed = design.is_paired ? null - difference * difference : p * (1 - p) + after * (1 - after);
  const double need = z_alpha * std::sqrt(null) + z_power * std::sqrt(std::max(0.0, changed));
  return design_effect(design) * std::pow(std::max(0.0, need) / difference, 2);
}

}  // namespace

double minimum_detectable_difference(std::int64_t n, double discordant) {
  if (n <= 0) return 1;
  const double count = static_cast<double>(n);
  return std::min(1.0, (kZ + kZPower) * std::sqrt(std::max(discordant, 1 / count) / count));
}

double design_effect(const Design& design) {
  HOLDFAST_ASSERT(0 < design.clusters_ratio && design.clusters_ratio <= 1 && design.samples >= 1);
  const double samples = static_cast<double>(design.samples);
  return (1 + (1 / design.clusters_ratio - 1) * design.cluster_correlation) *
         (1 + (samples - 1) * design.sample_correlation) / samples;
}

double rate_after(const Design& design, double difference) {
  return difference <= design.baseline ? design.baseline - difference : std::min(1.0, design.baseline + difference);
}

double discordant_share(const Design& design, double difference) {
  const double before = design.baseline, after = rate_after(design, difference);
  const double independent = before * (1 - after) + after * (1 - before);
  return std::min(1.0, std::max(design.discordant.value_or(independent), difference));
}

std::int64_t prompts_needed(const Design& design, double difference) {
  HOLDFAST_ASSERT(0 < difference && difference <= largest_difference(design));
  // A hair is taken off, so that a whole number stays what it is.
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(exact_need(design, difference) * (1 - 1e-12))));
}

std::optional<double> detectable_difference(const Design& design, std::int64_t n) {
  double high = largest_difference(design), low = 0;
  if (n < 1 || exact_need(design, high) > static_cast<double>(n)) return std::nullopt;
  while (high - low > 1e-9) {
    const double middle = (low + high) / 2;
    (exact_need(design, middle) <= static_cast<double>(n) ? high : low) = middle;
  }
  return high;
}

}  // namespace holdfast::evaluation
