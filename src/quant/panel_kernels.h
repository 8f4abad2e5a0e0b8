// The inner loops of products with panels (quant/panels.h), once for each instruction set.
//
// tile       y[r, l] (+)= sum over k < count of x[r * x_row + k * x_step] * w[k * w_step + l],  l < lanes, lanes 16 or
// 32
//            One chain of fused multiply-adds for each element, k from 0 up; its sum is added to y where `adds`, and is
//            y elsewhere: every instruction set gives the same bits.  Where it `continues`, the chain goes on from y.
//            REQUIRES: 1 <= rows <= kTileRows; it does not add and continue at once.
// widen_nf4  out[k, l] = levels[code] * scales[l] of `count` steps of 16 bytes: byte b holds lane b in its low nibble
// and
//            lane b + 16 in its high one
// widen_bf16, widen_half  32 * count numbers
// transpose  out[j, i] = in[i, j], both 32 x 32; rows of `in` are in_stride apart, those of `out` 32
#pragma once

#include <cstdint>

namespace holdfast::quant {

inline constexpr std::int64_t kPanelRows = 32;
inline constexpr int kTileRows = 8;

struct Tile {
  const float* x;
  std::int64_t x_row, x_step;
  const float* w;
  std::int64_t w_step, count;
  float* y;
  std::int64_t y_row;
  int rows;
  bool adds;
  bool continues = false;
};

struct PanelKernels {
  void (*tile_32)(const Tile& tile);
  void (*tile_16)(const Tile& tile);
  void (*widen_nf4)(const std::uint8_t* codes, const float* scales, const float* levels, std::int64_t count,
                    float* out);
  void (*widen_bf16)(const std::uint16_t* numbers, std::int64_t count, float* out);
  void (*widen_half)(const std::uint16_t* numbers, std::int64_t count, float* out);
  void (*transpose)(const float* in, std::int64_t in_stride, float* out);
};
extern const PanelKernels kReferencePanels;
extern const PanelKernels kAvx2Panels;
extern const PanelKernels kAvx512Panels;
// Of selected_isa() (quant/nf4.h).
const PanelKernels& panel_kernels();

}  // namespace holdfast::quant
