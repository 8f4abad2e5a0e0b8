#include "evaluation/statistics/survival.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "evaluation/statistics/distributions.h"

namespace holdfast::evaluation {

Survival kaplan_meier(std::span<const Lifetime> lifetimes, double level) {
  std::vector<Lifetime> sorted(lifetimes.begin(), lifetimes.end());
  for (const auto& one : sorted) HOLDFAST_ASSERT(std::isfinite(one.time));
  std::ranges::sort(sorted, {}, &Lifetime::time);
  const double z = critical_value(level);
  Survival result;
  double survival = 1, sum = 0;
  auto at_risk = static_cast<std::int64_t>(sorted.size());
  for (std::size_t i = 0; i < sorted.size();) {
    SurvivalStep step{.time = sorted[i].time, .at_risk = at_risk};
    for (; i < sorted.size() && sorted[i].time == step.time; ++i, --at_risk) step.events += sorted[i].is_event;
    if (step.events == 0) continue;
    const double risk = static_cast<double>(step.at_risk), events = static_cast<double>(step.events);
    survival *= 1 - events / risk;
    sum += events / (risk * (risk - events));
    step.survival = survival;
    if (step.events == step.at_risk) {
      step.interval = {0, 0};
    } else {
      step.standard_error = survival * std::sqrt(sum);
      const double spread = z * std::sqrt(sum) / std::log(survival);  // negative
      step.interval = {std::pow(survival, std::exp(-spread)), std::pow(survival, std::exp(spread))};
    }
    result.steps.push_back(step);
    const auto reach = [&](std::optional<double>& found, double value) {
      if (!found && value <= 0.5 + 1e-12) found = step.time;
    };
    reach(result.median, survival);
    reach(result.median_low, step.interval.low);
    reach(result.median_high, step.interval.high);
  }
  return result;
}

}  // namespace holdfast::evaluation
