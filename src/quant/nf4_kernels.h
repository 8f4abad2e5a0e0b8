// The inner loops of NF4, once for each instruction set.
//
// quantize    values [count] -> codes, two a byte; `scale` multiplies each value before the comparison with the bounds
// dequantize  a piece of one block: count codes (from an even element), each the level of that number times `absmax`
// REQUIRES    count even and positive; sixteen levels.
#pragma once

#include <cstdint>

namespace holdfast::quant {

// Midpoints between neighbouring levels: code = number of bounds that the scaled value exceeds.
const float* nf4_bounds();  // [15]

struct Nf4Kernels {
  void (*quantize)(const float* values, std::int64_t count, float scale, std::uint8_t* codes);
  void (*dequantize)(const std::uint8_t* codes, std::int64_t count, const float* levels, float absmax, float* out);
};
extern const Nf4Kernels kReferenceKernels;
extern const Nf4Kernels kAvx2Kernels;
extern const Nf4Kernels kAvx512Kernels;

}  // namespace holdfast::quant
