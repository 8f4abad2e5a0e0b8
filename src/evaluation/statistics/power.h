// How many prompts a difference needs, and what difference a number of prompts can find.
#pragma once

#include <cstdint>

namespace holdfast::evaluation {

// The smallest difference of two proportions on the same n items that a two-sided test at 5 % finds with 80 % power,
// when a share `discordant` of the items changes in one way or the other:  (1.959964 + 0.841621) sqrt(discordant / n),
// at most 1. `discordant` below 1 / n is taken as 1 / n.  Source: Connor, Biometrics 43 (1987) 207-211, in its leading
// term.
double minimum_detectable_difference(std::int64_t n, double discordant);

}  // namespace holdfast::evaluation
