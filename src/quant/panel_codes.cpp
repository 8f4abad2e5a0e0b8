// Codes of rows into codes of panels (quant/panels.h).
//
// Sixteen rows of sixteen bytes are transposed in registers, by four rounds of interleaving: row i beside row i + 8.
// Every x86-64 has the instructions for it; elsewhere plain loops do the same.
#include <algorithm>

#include "quant/panel_kernels.h"
#include "quant/panels.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace holdfast::quant {
namespace {

constexpr std::int64_t kHalf = kPanelRows / 2;  // rows that share a nibble, and bytes of a step

// Two steps: of the even k, the high nibble of a row's byte, and of the odd one.
void one_pair(const std::uint8_t* codes, std::int64_t row_bytes, std::uint8_t* to) {
  for (std::int64_t b = 0; b < kHalf; ++b) {
    const std::uint8_t low = codes[b * row_bytes], high = codes[(b + kHalf) * row_bytes];
    to[b] = static_cast<std::uint8_t>(low >> 4 | (high & 0xF0));
    to[kHalf + b] = static_cast<std::uint8_t>((low & 15) | high << 4);
  }
}

#ifdef __SSE2__
constexpr std::int64_t kBytes = 16;  // of a row at a time

// columns[j] holds byte j of each of the sixteen rows.
void transpose(const std::uint8_t* rows, std::int64_t row_bytes, __m128i* columns) {
  __m128i other[16];
  for (int i = 0; i < 16; ++i) columns[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows + i * row_bytes));
  const auto round = [](const __m128i* from, __m128i* to) {
    for (int i = 0; i < 8; ++i) {
      to[2 * i] = _mm_unpacklo_epi8(from[i], from[i + 8]);
      to[2 * i + 1] = _mm_unpackhi_epi8(from[i], from[i + 8]);
    }
  };
  round(columns, other);
  round(other, columns);
  round(columns, other);
  round(other, columns);
}

void sixteen_pairs(const std::uint8_t* codes, std::int64_t row_bytes, std::uint8_t* to) {
  __m128i low[16], high[16];
  transpose(codes, row_bytes, low);
  transpose(codes + kHalf * row_bytes, row_bytes, high);
  const __m128i low_nibble = _mm_set1_epi8(15), high_nibble = _mm_set1_epi8(static_cast<char>(0xF0));
  for (int i = 0; i < 16; ++i) {
    const __m128i even =
        _mm_or_si128(_mm_and_si128(_mm_srli_epi16(low[i], 4), low_nibble), _mm_and_si128(high[i], high_nibble));
    const __m128i odd =
        _mm_or_si128(_mm_and_si128(low[i], low_nibble), _mm_and_si128(_mm_slli_epi16(high[i], 4), high_nibble));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + (2 * i) * kHalf), even);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + (2 * i + 1) * kHalf), odd);
  }
}
#endif

}  // namespace

void codes_in_panels(const std::uint8_t* codes, std::int64_t rows, std::int64_t in_features, std::uint8_t* to) {
  const std::int64_t row_bytes = in_features / 2;
  for (; rows >= kPanelRows; rows -= kPanelRows, codes += kPanelRows * row_bytes) {
    std::int64_t pair = 0;
#ifdef __SSE2__
    for (; pair + kBytes <= row_bytes; pair += kBytes, to += kBytes * kPanelRows)
      sixteen_pairs(codes + pair, row_bytes, to);
#endif
    for (; pair < row_bytes; ++pair, to += kPanelRows) one_pair(codes + pair, row_bytes, to);
  }
  std::copy(codes, codes + rows * row_bytes, to);
}

}  // namespace holdfast::quant
