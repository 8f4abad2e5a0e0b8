// A few rows with NF4 panels, eight lanes at a time: a pair of rows and one panel keep to the sixteen registers.
#include "quant/few_rows.h"
#include "quant/nf4_avx2.h"
#include "quant/panel_reading.h"

namespace holdfast::quant {
namespace {

constexpr int kLanes = 8, kPanel = 4 * kLanes;

// kRows rows from row `first` and one panel.  Lane group 2 * nibble + half holds lanes 16 * nibble + 8 * half and on.
template <int kRows>
HOLDFAST_AVX2 void chains(const FewTile& t, int first, int panel) {
  const __m256 lower = _mm256_loadu_ps(t.levels), upper = _mm256_loadu_ps(t.levels + 8);  // levels 0..7, 8..15
  __m256 sums[kRows][4];
  float* place = t.sums + (first * kFewPanels + panel) * kPanel;
#pragma GCC unroll 2
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) sums[r][c] = _mm256_loadu_ps(place + r * kFewPanels * kPanel + kLanes * c);
  }
  const float* x = t.x + first * t.x_row;
  const float* scales = t.scales[panel];
  const std::uint8_t* codes = t.codes[panel];
  for (std::int64_t k = 0; k < t.count; ++k, codes += 16) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m256i bytes = spread_bytes(codes + 8 * half);
#pragma GCC unroll 2
      for (int nibble = 0; nibble < 2; ++nibble) {
        const __m256 level = levels_of(bytes, nibble, lower, upper);
        const int c = 2 * nibble + half;
        const __m256 weight = _mm256_mul_ps(level, _mm256_loadu_ps(scales + kLanes * c));
#pragma GCC unroll 2
        for (int r = 0; r < kRows; ++r)
          sums[r][c] = _mm256_fmadd_ps(_mm256_set1_ps(x[r * t.x_row + k]), weight, sums[r][c]);
      }
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) _mm256_storeu_ps(place + r * kFewPanels * kPanel + kLanes * c, sums[r][c]);
  }
}

void tile(const FewTile& t) {
  for (int panel = 0; panel < t.panels; ++panel) {
    int row = 0;
    for (; row + 2 <= t.rows; row += 2) chains<2>(t, row, panel);
    if (row < t.rows) chains<1>(t, row, panel);
  }
}

}  // namespace

const FewRowKernels kAvx2FewRows = {tile, panel_scales, 2};

}  // namespace holdfast::quant
