// Products with panels, eight lanes at a time: half a panel of four rows keeps to the sixteen registers.
#include "quant/nf4_avx2.h"
#include "quant/panel_kernels.h"

namespace holdfast::quant {
namespace {

// kRows rows of sixteen lanes, from lane `first`.
template <int kRows>
HOLDFAST_AVX2 void rows_of(const Tile& t, int first, int row) {
  __m256 sums[kRows][2];
  const float* x = t.x + row * t.x_row;
  const float* w = t.w + first;
  float* y = t.y + row * t.y_row + first;
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int c = 0; c < 2; ++c)
      sums[r][c] = t.continues ? _mm256_loadu_ps(y + r * t.y_row + 8 * c) : _mm256_setzero_ps();
  }
  for (std::int64_t k = 0; k < t.count; ++k, x += t.x_step, w += t.w_step) {
    const __m256 low = _mm256_loadu_ps(w), high = _mm256_loadu_ps(w + 8);
#pragma GCC unroll 6
    for (int r = 0; r < kRows; ++r) {
      const __m256 spread = _mm256_set1_ps(x[r * t.x_row]);
      sums[r][0] = _mm256_fmadd_ps(spread, low, sums[r][0]);
      sums[r][1] = _mm256_fmadd_ps(spread, high, sums[r][1]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int c = 0; c < 2; ++c) {
      float* place = y + r * t.y_row + 8 * c;
      _mm256_storeu_ps(place, t.adds ? _mm256_add_ps(_mm256_loadu_ps(place), sums[r][c]) : sums[r][c]);
    }
  }
}

template <int kLanes>
void tile(const Tile& t) {
  for (int first = 0; first < kLanes; first += 16) {
    int row = 0;
    for (; row + 4 <= t.rows; row += 4) rows_of<4>(t, first, row);
    if (row + 2 <= t.rows) rows_of<2>(t, first, row), row += 2;
    if (row < t.rows) rows_of<1>(t, first, row);
  }
}

HOLDFAST_AVX2 void widen_nf4(const std::uint8_t* codes, const float* scales, const float* levels, std::int64_t count,
                             float* out) {
  const __m256 first = _mm256_loadu_ps(levels), second = _mm256_loadu_ps(levels + 8);  // levels 0..7, 8..15
  for (std::int64_t k = 0; k < count; ++k, codes += 16, out += kPanelRows) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m256i bytes = spread_bytes(codes + 8 * half);
#pragma GCC unroll 2
      for (int nibble = 0; nibble < 2; ++nibble) {
        const __m256 level = levels_of(bytes, nibble, first, second);
        const int lane = 16 * nibble + 8 * half;
        _mm256_storeu_ps(out + lane, _mm256_mul_ps(level, _mm256_loadu_ps(scales + lane)));
      }
    }
  }
}

HOLDFAST_AVX2 void widen_bf16(const std::uint16_t* numbers, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < kPanelRows * count; i += 8) {
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(numbers + i)));
    _mm256_storeu_ps(out + i, _mm256_castsi256_ps(_mm256_slli_epi32(words, 16)));
  }
}

__attribute__((target("avx2,f16c"))) void widen_half(const std::uint16_t* numbers, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < kPanelRows * count; i += 8)
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(numbers + i))));
}

HOLDFAST_AVX2 void transpose_8(const float* in, std::int64_t in_stride, float* out) {
  __m256 a[8], b[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) a[i] = _mm256_loadu_ps(in + i * in_stride);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xEE);
    a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xEE);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    _mm256_storeu_ps(out + j * kPanelRows, _mm256_permute2f128_ps(a[j], a[4 + j], 0x20));
    _mm256_storeu_ps(out + (4 + j) * kPanelRows, _mm256_permute2f128_ps(a[j], a[4 + j], 0x31));
  }
}

void transpose(const float* in, std::int64_t in_stride, float* out) {
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j)
      transpose_8(in + i * 8 * in_stride + j * 8, in_stride, out + j * 8 * kPanelRows + i * 8);
  }
}

}  // namespace

const PanelKernels kAvx2Panels = {tile<32>, tile<16>, widen_nf4, widen_bf16, widen_half, transpose};

}  // namespace holdfast::quant
