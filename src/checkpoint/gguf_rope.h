// The rotary part of a GGUF file as the `rope_parameters` of a config.json.
//
// Llama 3's scaling stands in a GGUF as the tensor rope_freqs, one divisor a pair of numbers of a head; its parameters
// are found again by what the divisors are.  LongRoPE stands as rope_factors_short and rope_factors_long.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "checkpoint/gguf_metadata.h"

namespace holdfast::checkpoint {

// Throws Error(kBadFile) for a kind of scaling that is not known, or divisors that are not Llama 3's.
nlohmann::json gguf_rope(const GgufMetadata& data, std::int64_t head_width);

}  // namespace holdfast::checkpoint
