#include "generation/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"

namespace holdfast::generation {

std::int64_t greedy(std::span<const float> logits) {
  HOLDFAST_ASSERT(!logits.empty());
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

std::int64_t sample(std::span<const float> logits, double temperature, double top_p, Random& random) {
  HOLDFAST_ASSERT(temperature > 0 && top_p > 0);
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> weights(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) weights[i] = std::exp((logits[i] - largest) / temperature);
  std::vector<std::int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  // Likeliest first, of equals the lower id, so that the order is the same everywhere.
  std::sort(order.begin(), order.end(),
            [&](std::int64_t a, std::int64_t b) { return weights[a] != weights[b] ? weights[a] > weights[b] : a < b; });
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double kept = 0;
  std::size_t count = 0;
  while (count < order.size() && (count == 0 || kept < top_p * total)) kept += weights[order[count++]];
  double left = random.uniform() * kept;
  for (std::size_t i = 0; i < count; ++i) {
    left -= weights[order[i]];
    if (left < 0) return order[i];
  }
  return order[count - 1];
}

}  // namespace holdfast::generation
