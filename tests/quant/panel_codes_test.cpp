// Codes of panels against the order that quant/panels.h describes, number by number.
#include <gtest/gtest.h>

#include <random>

#include "quant/panel_kernels.h"
#include "quant/panels.h"

namespace holdfast::quant {
namespace {

int row_code(const std::vector<std::uint8_t>& codes, std::int64_t in, std::int64_t n, std::int64_t k) {
  const std::uint8_t byte = codes[static_cast<std::size_t>(n * in / 2 + k / 2)];
  return k % 2 == 0 ? byte >> 4 : byte & 15;
}

int panel_code(const std::uint8_t* codes, std::int64_t in, std::int64_t n, std::int64_t k) {
  const std::int64_t row = n % kPanelRows;
  const std::uint8_t byte = codes[(n / kPanelRows * in + k) * kPanelRows / 2 + row % 16];
  return row < 16 ? byte & 15 : byte >> 4;
}

TEST(PanelCodes, StandWhereTheHeaderSays) {
  std::mt19937 random(7);
  for (const std::int64_t out : {0, 1, 31, 32, 33, 64, 70}) {
    for (const std::int64_t in : {2, 16, 30, 32, 34, 64, 66, 192}) {
      std::vector<std::uint8_t> codes(static_cast<std::size_t>(out * in / 2));
      for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(random());
      // One byte off any alignment, and a guard behind.
      std::vector<std::uint8_t> place(codes.size() + 2, 0xA5);
      codes_in_panels(codes.data(), out, in, place.data() + 1);
      EXPECT_EQ(place.front(), 0xA5);
      EXPECT_EQ(place.back(), 0xA5);
      const std::int64_t whole = out / kPanelRows * kPanelRows;
      for (std::int64_t n = 0; n < out; ++n) {
        for (std::int64_t k = 0; k < in; ++k) {
          const int found = n < whole ? panel_code(place.data() + 1, in, n, k)
                                      : row_code({place.begin() + 1, place.end() - 1}, in, n, k);
          ASSERT_EQ(found, row_code(codes, in, n, k)) << out << " x " << in << " at " << n << ", " << k;
        }
      }
    }
  }
}

}  // namespace
}  // namespace holdfast::quant
