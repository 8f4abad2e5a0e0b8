#include "generation/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "model/softmax.h"

namespace holdfast::generation {

std::int64_t greedy(std::span<const float> logits) {
  HOLDFAST_ASSERT(!logits.empty());
  const float largest = model::largest_of(logits.data(), static_cast<std::int64_t>(logits.size()));
  const auto place = std::find(logits.begin(), logits.end(), largest);
  return place == logits.end() ? 0 : place - logits.begin();  // none: not a number among them is one
}

std::int64_t sample(std::span<const float> logits, double temperature, double top_p, Random& random) {
  HOLDFAST_ASSERT(temperature > 0 && top_p > 0);
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> weights(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) weights[i] = std::exp((logits[i] - largest) / temperature);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  // Likeliest first, of equals the lower id, so that the order is the same everywhere.  A heap gives them one by one:
  // most are never asked for.
  std::vector<std::int64_t> heap(logits.size());
  std::iota(heap.begin(), heap.end(), std::int64_t{0});
  const auto comes_later = [&](std::int64_t a, std::int64_t b) {
    return weights[a] != weights[b] ? weights[a] < weights[b] : a > b;
  };
  std::make_heap(heap.begin(), heap.end(), comes_later);
  auto end = heap.end();
  const auto next = [&] {
    std::pop_heap(heap.begin(), end, comes_later);
    return *--end;
  };
  if (top_p >= 1) {
    double left = random.uniform() * total;
    std::int64_t id = next();
    while ((left -= weights[id]) >= 0 && end != heap.begin()) id = next();
    return id;
  }
  double kept = 0;
  std::vector<std::int64_t> nucleus;
  while (end != heap.begin() && (nucleus.empty() || kept < top_p * total)) {
    nucleus.push_back(next());
    kept += weights[nucleus.back()];
  }
  double left = random.uniform() * kept;
  for (const std::int64_t id : nucleus) {
    left -= weights[id];
    if (left < 0) return id;
  }
  return nucleus.back();
}

std::vector<std::pair<std::int64_t, float>> largest(std::span<const float> logits, std::size_t count) {
  std::vector<std::int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  count = std::min(count, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
      [&](std::int64_t a, std::int64_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<std::pair<std::int64_t, float>> found;
  for (std::size_t i = 0; i < count; ++i) found.emplace_back(order[i], logits[order[i]]);
  return found;
}

}  // namespace holdfast::generation
