// Products of a few rows, such as one answer's next token, with NF4 in panels (quant/panels.h): codes become multiply-
// adds without being widened into memory first, which a product of many rows gains nothing from.
//
// tile       sums[r][p][l] = the chain that it is, going on over `count` steps: fused multiply-adds of x[r][k] and
//            levels[code] * scales[p][l], k from 0 up.  Every instruction set gives the same bits, those of widen_nf4
//            and tile_32 (quant/panel_kernels.h).  All steps lie in one block of scales.
//            REQUIRES: 1 <= rows <= kFewRows, 1 <= panels <= kFewPanels.
#pragma once

#include <cstdint>
#include <span>

#include "quant/panels.h"

namespace holdfast::quant {

inline constexpr int kFewRows = 8, kFewPanels = 4;

struct FewTile {
  const float* x;
  std::int64_t x_row, count;
  const std::uint8_t* codes[kFewPanels];  // 16 bytes a step
  const float* scales[kFewPanels];        // 32
  const float* levels;
  float* sums;  // [rows, kFewPanels, 32]
  int rows, panels;
};

// The loops of one instruction set.  `scales`: what panel_scales() says (quant/panel_reading.h).
struct FewRowKernels {
  void (*tile)(const FewTile& tile);
  void (*scales)(const WeightView& weight, std::int64_t panel, std::int64_t k, float* out);
  int most_rows;  // that are faster so, at most kFewRows
};
extern const FewRowKernels kReferenceFewRows, kAvx2FewRows, kAvx512FewRows;

// True where multiply_few() takes the product: few rows, and a matrix of whole panels in NF4.
bool takes_few(const WeightView& weight, Rows x);
// What multiply() says, to the bit.  REQUIRES: takes_few().
void multiply_few(const WeightView& weight, Rows x, float* y, std::int64_t y_stride, bool adds,
                  std::span<const Addend> addends);

}  // namespace holdfast::quant
