// NF4, eight weights at a time.
#include <immintrin.h>

#include "quant/nf4.h"
#include "quant/nf4_kernels.h"

#define HOLDFAST_AVX2 __attribute__((target("avx2")))

namespace holdfast::quant {
namespace {

HOLDFAST_AVX2 __m256i codes_of(const float* values, __m256 scale) {
  const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(values), scale);
  __m256i code = _mm256_setzero_si256();
  for (int i = 0; i < 15; ++i) {
    const __m256 exceeds = _mm256_cmp_ps(scaled, _mm256_set1_ps(nf4_bounds()[i]), _CMP_GT_OQ);
    code = _mm256_sub_epi32(code, _mm256_castps_si256(exceeds));  // a true mask is -1
  }
  return code;
}

HOLDFAST_AVX2 void quantize(const float* values, std::int64_t count, float scale, std::uint8_t* codes) {
  const __m256 factor = _mm256_set1_ps(scale);
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    alignas(32) std::uint32_t code[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(code), codes_of(values + i, factor));
    for (int j = 0; j < 4; ++j) codes[i / 2 + j] = static_cast<std::uint8_t>(code[2 * j] << 4 | code[2 * j + 1]);
  }
  if (i < count) kReferenceKernels.quantize(values + i, count - i, scale, codes + i / 2);
}

HOLDFAST_AVX2 void dequantize(const std::uint8_t* codes, std::int64_t count, const float* levels, float absmax,
                              float* out) {
  const __m256 scale = _mm256_set1_ps(absmax);
  const __m256 low = _mm256_mul_ps(_mm256_loadu_ps(levels), scale);       // levels 0..7
  const __m256 high = _mm256_mul_ps(_mm256_loadu_ps(levels + 8), scale);  // levels 8..15
  const __m256i shifts = _mm256_setr_epi32(4, 0, 12, 8, 20, 16, 28, 24);  // high nibble of each byte first
  std::int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    std::uint32_t four_bytes;
    __builtin_memcpy(&four_bytes, codes + i / 2, 4);
    const __m256i code = _mm256_srlv_epi32(_mm256_set1_epi32(static_cast<int>(four_bytes)), shifts);
    // vpermps looks at the three low bits; bit 3, moved to the sign, chooses the half.
    const __m256 from_low = _mm256_permutevar8x32_ps(low, code), from_high = _mm256_permutevar8x32_ps(high, code);
    const __m256 is_high = _mm256_castsi256_ps(_mm256_slli_epi32(code, 28));
    _mm256_storeu_ps(out + i, _mm256_blendv_ps(from_low, from_high, is_high));
  }
  if (i < count) kReferenceKernels.dequantize(codes + i / 2, count - i, levels, absmax, out + i);
}

}  // namespace

const Nf4Kernels kAvx2Kernels = {quantize, dequantize};

}  // namespace holdfast::quant
