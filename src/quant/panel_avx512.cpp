// Products with panels, sixteen lanes at a time: eight rows of two registers, so that each number of x that is spread
// over a register serves two multiply-adds.
// GCC 12 takes the undefined lanes of its own headers for uninitialised variables.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>

#include "quant/panel_kernels.h"

#define HOLDFAST_AVX512 __attribute__((target("avx512f")))

namespace holdfast::quant {
namespace {

// kRows rows of kWords registers.
template <int kRows, int kWords>
HOLDFAST_AVX512 void rows_of(const Tile& t) {
  __m512 sums[kRows][kWords];
  const float* x = t.x;
  const float* w = t.w;
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int c = 0; c < kWords; ++c)
      sums[r][c] = t.continues ? _mm512_loadu_ps(t.y + r * t.y_row + 16 * c) : _mm512_setzero_ps();
  }
  for (std::int64_t k = 0; k < t.count; ++k, x += t.x_step, w += t.w_step) {
    __m512 words[kWords];
#pragma GCC unroll 2
    for (int c = 0; c < kWords; ++c) words[c] = _mm512_loadu_ps(w + 16 * c);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const __m512 spread = _mm512_set1_ps(x[r * t.x_row]);
#pragma GCC unroll 2
      for (int c = 0; c < kWords; ++c) sums[r][c] = _mm512_fmadd_ps(spread, words[c], sums[r][c]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int c = 0; c < kWords; ++c) {
      float* y = t.y + r * t.y_row + 16 * c;
      _mm512_storeu_ps(y, t.adds ? _mm512_add_ps(_mm512_loadu_ps(y), sums[r][c]) : sums[r][c]);
    }
  }
}

template <int kWords>
void tile(const Tile& t) {
  switch (t.rows) {
    case 1:
      return rows_of<1, kWords>(t);
    case 2:
      return rows_of<2, kWords>(t);
    case 3:
      return rows_of<3, kWords>(t);
    case 4:
      return rows_of<4, kWords>(t);
    case 5:
      return rows_of<5, kWords>(t);
    case 6:
      return rows_of<6, kWords>(t);
    case 7:
      return rows_of<7, kWords>(t);
    default:
      return rows_of<8, kWords>(t);
  }
}

HOLDFAST_AVX512 void widen_nf4(const std::uint8_t* codes, const float* scales, const float* levels, std::int64_t count,
                               float* out) {
  const __m512 table = _mm512_loadu_ps(levels), low = _mm512_loadu_ps(scales), high = _mm512_loadu_ps(scales + 16);
  for (std::int64_t k = 0; k < count; ++k, codes += 16, out += kPanelRows) {
    const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
    // vpermps on sixteen lanes looks at the four low bits only.
    _mm512_storeu_ps(out, _mm512_mul_ps(_mm512_permutexvar_ps(bytes, table), low));
    _mm512_storeu_ps(out + 16, _mm512_mul_ps(_mm512_permutexvar_ps(_mm512_srli_epi32(bytes, 4), table), high));
  }
}

HOLDFAST_AVX512 void widen_bf16(const std::uint16_t* numbers, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < kPanelRows * count; i += 16) {
    const __m512i words = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers + i)));
    _mm512_storeu_ps(out + i, _mm512_castsi512_ps(_mm512_slli_epi32(words, 16)));
  }
}

HOLDFAST_AVX512 void widen_half(const std::uint16_t* numbers, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < kPanelRows * count; i += 16)
    _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(numbers + i))));
}

// 16 x 16: pairs of numbers, pairs of pairs, then quarters of registers change places.
HOLDFAST_AVX512 void transpose_16(const float* in, std::int64_t in_stride, float* out) {
  __m512 a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_ps(in + i * in_stride);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const auto pair = [&](int j) HOLDFAST_AVX512 { return _mm512_castps_pd(b[i + j]); };
    a[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(pair(0), pair(2)));
    a[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(pair(0), pair(2)));
    a[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(pair(1), pair(3)));
    a[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(pair(1), pair(3)));
  }
  // Quarter q of a[4g + j] holds numbers 4g .. 4g + 3 of column 4q + j.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 low = _mm512_shuffle_f32x4(a[j], a[4 + j], 0x44), high = _mm512_shuffle_f32x4(a[j], a[4 + j], 0xEE);
    const __m512 low2 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0x44),
                 high2 = _mm512_shuffle_f32x4(a[8 + j], a[12 + j], 0xEE);
    _mm512_storeu_ps(out + j * kPanelRows, _mm512_shuffle_f32x4(low, low2, 0x88));
    _mm512_storeu_ps(out + (4 + j) * kPanelRows, _mm512_shuffle_f32x4(low, low2, 0xDD));
    _mm512_storeu_ps(out + (8 + j) * kPanelRows, _mm512_shuffle_f32x4(high, high2, 0x88));
    _mm512_storeu_ps(out + (12 + j) * kPanelRows, _mm512_shuffle_f32x4(high, high2, 0xDD));
  }
}

void transpose(const float* in, std::int64_t in_stride, float* out) {
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 2; ++j)
      transpose_16(in + i * 16 * in_stride + j * 16, in_stride, out + j * 16 * kPanelRows + i * 16);
  }
}

}  // namespace

const PanelKernels kAvx512Panels = {tile<2>, tile<1>, widen_nf4, widen_bf16, widen_half, transpose};

}  // namespace holdfast::quant
