// NF4, sixteen weights at a time: all sixteen levels fit one register.
// GCC 12 takes the undefined lanes of its own headers for uninitialised variables.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "quant/nf4.h"
#include "quant/nf4_kernels.h"

#define HOLDFAST_AVX512 __attribute__((target("avx512f")))

namespace holdfast::quant {
namespace {

HOLDFAST_AVX512 void quantize(const float* values, std::int64_t count, float scale, std::uint8_t* codes) {
  const __m512 factor = _mm512_set1_ps(scale);
  const __m512i one = _mm512_set1_epi32(1);
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(values + i), factor);
    __m512i code = _mm512_setzero_si512();
    for (int bound = 0; bound < 15; ++bound) {
      const __mmask16 exceeds = _mm512_cmp_ps_mask(scaled, _mm512_set1_ps(nf4_bounds()[bound]), _CMP_GT_OQ);
      code = _mm512_mask_add_epi32(code, exceeds, code, one);
    }
    alignas(64) std::uint32_t lanes[16];
    _mm512_store_si512(lanes, code);
    for (int j = 0; j < 8; ++j) codes[i / 2 + j] = static_cast<std::uint8_t>(lanes[2 * j] << 4 | lanes[2 * j + 1]);
  }
  if (i < count) kReferenceKernels.quantize(values + i, count - i, scale, codes + i / 2);
}

HOLDFAST_AVX512 void dequantize(const std::uint8_t* codes, std::int64_t count, const float* levels, float absmax,
                                float* out) {
  const __m512 values = _mm512_mul_ps(_mm512_loadu_ps(levels), _mm512_set1_ps(absmax));
  // Lanes 0..7 read the first four bytes, lanes 8..15 the next four; high nibble of each byte first.
  const __m512i shifts = _mm512_setr_epi32(4, 0, 12, 8, 20, 16, 28, 24, 4, 0, 12, 8, 20, 16, 28, 24);
  std::int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    std::uint32_t words[2];
    __builtin_memcpy(words, codes + i / 2, 8);
    const __m512i packed = _mm512_mask_blend_epi32(0xFF00, _mm512_set1_epi32(static_cast<int>(words[0])),
                                                   _mm512_set1_epi32(static_cast<int>(words[1])));
    // vpermps on sixteen lanes looks at the four low bits only.
    _mm512_storeu_ps(out + i, _mm512_permutexvar_ps(_mm512_srlv_epi32(packed, shifts), values));
  }
  if (i < count) kReferenceKernels.dequantize(codes + i / 2, count - i, levels, absmax, out + i);
}

}  // namespace

const Nf4Kernels kAvx512Kernels = {quantize, dequantize};

}  // namespace holdfast::quant
