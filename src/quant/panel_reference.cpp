// Products with panels in plain loops: the specification.
#include <c10/util/Half.h>

#include <bit>
#include <cmath>

#include "quant/panel_kernels.h"

namespace holdfast::quant {
namespace {

template <int kLanes>
void tile(const Tile& t) {
  for (int r = 0; r < t.rows; ++r) {
    float* y = t.y + r * t.y_row;
    for (int l = 0; l < kLanes; ++l) {
      float sum = t.continues ? y[l] : 0;
      for (std::int64_t k = 0; k < t.count; ++k)
        sum = std::fma(t.x[r * t.x_row + k * t.x_step], t.w[k * t.w_step + l], sum);
      y[l] = t.adds ? y[l] + sum : sum;
    }
  }
}

void widen_nf4(const std::uint8_t* codes, const float* scales, const float* levels, std::int64_t count, float* out) {
  for (std::int64_t k = 0; k < count; ++k, codes += 16, out += kPanelRows) {
    for (int b = 0; b < 16; ++b) {
      out[b] = levels[codes[b] & 15] * scales[b];
      out[b + 16] = levels[codes[b] >> 4] * scales[b + 16];
    }
  }
}

void widen_bf16(const std::uint16_t* numbers, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < kPanelRows * count; ++i)
    out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(numbers[i]) << 16);
}

void widen_half(const std::uint16_t* numbers, std::int64_t count, float* out) {
  for (std::int64_t i = 0; i < kPanelRows * count; ++i) out[i] = c10::Half(numbers[i], c10::Half::from_bits());
}

void transpose(const float* in, std::int64_t in_stride, float* out) {
  for (int i = 0; i < kPanelRows; ++i) {
    for (int j = 0; j < kPanelRows; ++j) out[j * kPanelRows + i] = in[i * in_stride + j];
  }
}

}  // namespace

const PanelKernels kReferencePanels = {tile<32>, tile<16>, widen_nf4, widen_bf16, widen_half, transpose};

}  // namespace holdfast::quant
