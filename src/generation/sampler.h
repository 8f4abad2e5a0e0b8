// The next token from a row of logits.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/random.h"

namespace holdfast::generation {

// The first index of the largest value.  REQUIRES: not empty.
std::int64_t greedy(std::span<const float> logits);

// Draws from softmax(logits / temperature), cut to the likeliest tokens that together hold top_p (at least one).
// REQUIRES: temperature > 0, 0 < top_p <= 1.
std::int64_t sample(std::span<const float> logits, double temperature, double top_p, Random& random);

// The `count` largest with their indices, largest first, of equals the lower index; all where there are fewer.
std::vector<std::pair<std::int64_t, float>> largest(std::span<const float> logits, std::size_t count);

}  // namespace holdfast::generation
