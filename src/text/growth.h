// A bound on how much a step of a tokenizer may add to a text: a foreign file must not make much of little.
#pragma once

#include <cstddef>

#include "base/error.h"

namespace holdfast::text {

// No step of a real tokenizer comes near this: the largest, a compatibility decomposition, makes 11 times as much.
inline constexpr std::size_t kMaxGrowth = 100;

// `spare`: bytes that may be added to however short a text.  Throws Error(kBadInput).
inline void check_growth(std::size_t before, std::size_t after, std::size_t spare) {
  HOLDFAST_CHECK(kBadInput, after <= before * kMaxGrowth + spare, "[tokenizer] found a text of ", before,
                 " bytes that the tokenizer makes ", after, " of, expected at most ", kMaxGrowth,
                 " times as many; is tokenizer.json damaged?");
}

}  // namespace holdfast::text
