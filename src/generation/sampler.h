// The next token from a row of logits.
#pragma once

#include <cstdint>
#include <span>

#include "base/random.h"

namespace holdfast::generation {

// The first index of the largest value.  REQUIRES: not empty.
std::int64_t greedy(std::span<const float> logits);

// Draws from softmax(logits / temperature), cut to the likeliest tokens that together hold top_p (at least one).
// REQUIRES: temperature > 0, 0 < top_p <= 1.
std::int64_t sample(std::span<const float> logits, double temperature, double top_p, Random& random);

}  // namespace holdfast::generation
