// The codes of NF4 panels as levels, eight lanes at a time; for sources that the AVX2 kernels are made of.
#pragma once

#include <immintrin.h>

#include <cstdint>

#define HOLDFAST_AVX2 __attribute__((target("avx2,fma")))

namespace holdfast::quant {

// Eight bytes, one a lane.
HOLDFAST_AVX2 inline __m256i spread_bytes(const std::uint8_t* codes) {
  std::int64_t eight;
  __builtin_memcpy(&eight, codes, 8);
  return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(eight));
}

// The levels of the bytes' lower nibbles (0) or of their upper ones (1); `lower` and `upper` are the levels 0 to 7 and
// 8 to 15.
HOLDFAST_AVX2 inline __m256 levels_of(__m256i bytes, int nibble, __m256 lower, __m256 upper) {
  const __m256i code = nibble == 0 ? bytes : _mm256_srli_epi32(bytes, 4);
  // vpermps looks at the three low bits; bit 3, moved to the sign, chooses the half of the table.
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(lower, code), _mm256_permutevar8x32_ps(upper, code),
                          _mm256_castsi256_ps(_mm256_slli_epi32(code, 28)));
}

}  // namespace holdfast::quant
