// A few rows with NF4 panels, sixteen lanes at a time.  A chain waits four cycles for each of its multiply-adds, so
// panels stand side by side until eight chains or more are on their way.
// GCC 12 takes the undefined lanes of its own headers for uninitialised variables.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>

#include "quant/few_rows.h"
#include "quant/panel_reading.h"

#define HOLDFAST_AVX512 __attribute__((target("avx512f")))

namespace holdfast::quant {
namespace {

constexpr int kLanes = 16, kPanel = 2 * kLanes;

// kRows rows and kPanels panels, from panel `first`.
template <int kRows, int kPanels>
HOLDFAST_AVX512 void chains(const FewTile& t, int first) {
  const __m512 table = _mm512_loadu_ps(t.levels);
  __m512 sums[kRows][kPanels][2], scales[kPanels][2];
  const std::uint8_t* codes[kPanels];
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) {
    codes[p] = t.codes[first + p];
#pragma GCC unroll 2
    for (int c = 0; c < 2; ++c) {
      scales[p][c] = _mm512_loadu_ps(t.scales[first + p] + kLanes * c);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r)
        sums[r][p][c] = _mm512_loadu_ps(t.sums + (r * kFewPanels + first + p) * kPanel + kLanes * c);
    }
  }
  const float* x = t.x;
  for (std::int64_t k = 0; k < t.count; ++k) {
    __m512 spread[kRows];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) spread[r] = _mm512_set1_ps(x[r * t.x_row + k]);
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
      const __m512i bytes =
          _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes[p] + kLanes * k)));
      // vpermps on sixteen lanes looks at the four low bits only.
      const __m512 low = _mm512_mul_ps(_mm512_permutexvar_ps(bytes, table), scales[p][0]),
                   high = _mm512_mul_ps(_mm512_permutexvar_ps(_mm512_srli_epi32(bytes, 4), table), scales[p][1]);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        sums[r][p][0] = _mm512_fmadd_ps(spread[r], low, sums[r][p][0]);
        sums[r][p][1] = _mm512_fmadd_ps(spread[r], high, sums[r][p][1]);
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) {
#pragma GCC unroll 2
    for (int c = 0; c < 2; ++c) {
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r)
        _mm512_storeu_ps(t.sums + (r * kFewPanels + first + p) * kPanel + kLanes * c, sums[r][p][c]);
    }
  }
}

// As many panels together as registers hold chains for.
template <int kRows>
void panels_of(const FewTile& t) {
  if constexpr (kRows <= 2) {
    switch (t.panels) {
      case 1:
        return chains<kRows, 1>(t, 0);
      case 2:
        return chains<kRows, 2>(t, 0);
      case 3:
        return chains<kRows, 3>(t, 0);
      default:
        return chains<kRows, 4>(t, 0);
    }
  }
  int first = 0;
  if constexpr (kRows <= 4)
    for (; first + 2 <= t.panels; first += 2) chains<kRows, 2>(t, first);
  for (; first < t.panels; ++first) chains<kRows, 1>(t, first);
}

void tile(const FewTile& t) {
  switch (t.rows) {
    case 1:
      return panels_of<1>(t);
    case 2:
      return panels_of<2>(t);
    case 3:
      return panels_of<3>(t);
    case 4:
      return panels_of<4>(t);
    case 5:
      return panels_of<5>(t);
    case 6:
      return panels_of<6>(t);
    case 7:
      return panels_of<7>(t);
    default:
      return panels_of<8>(t);
  }
}

// Sixteen rows at a time: their scales' codes, what those stand for, and the scales' own scales are gathered.
HOLDFAST_AVX512 void scales(const WeightView& w, std::int64_t panel, std::int64_t k, float* out) {
  const std::int64_t blocks = w.in_features / w.block_size, first = panel * kPanelRows * blocks + k / w.block_size;
  constexpr std::int64_t kRead = 4;  // bytes, where one is wanted
  const bool is_near_end = first + (kPanelRows - 1) * blocks + kRead > w.out_features * blocks;
  if (w.scales != nullptr || is_near_end || kPanelRows * blocks > INT32_MAX) return panel_scales(w, panel, k, out);
  const std::int64_t nested = first / kNestedBlockSize;
  const __m512 offset = _mm512_set1_ps(w.offset);
  __m512i rows = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const __m512i places = _mm512_mullo_epi32(rows, _mm512_set1_epi32(static_cast<int>(blocks)));
    const __m512i codes =
        _mm512_and_epi32(_mm512_i32gather_epi32(places, w.scale_codes + first, 1), _mm512_set1_epi32(255));
    const __m512i groups =
        _mm512_srli_epi32(_mm512_add_epi32(places, _mm512_set1_epi32(static_cast<int>(first % kNestedBlockSize))), 8);
    const __m512 values =
        _mm512_mul_ps(_mm512_i32gather_ps(codes, w.map, 4), _mm512_i32gather_ps(groups, w.nested_scales + nested, 4));
    _mm512_storeu_ps(out + kLanes * half, _mm512_add_ps(values, offset));
    rows = _mm512_add_epi32(rows, _mm512_set1_epi32(kLanes));
  }
}
static_assert(kNestedBlockSize == 1 << 8);

}  // namespace

const FewRowKernels kAvx512FewRows = {tile, scales, kFewRows};

}  // namespace holdfast::quant
