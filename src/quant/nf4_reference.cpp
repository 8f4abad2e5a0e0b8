// NF4 in plain loops: the specification that the vector versions equal bit for bit.
#include "quant/nf4.h"
#include "quant/nf4_kernels.h"

namespace holdfast::quant {

const std::array<float, 16>& nf4_levels() {
  static constexpr std::array<float, 16> kLevels = {-1.0f,
                                                    -0.6961928009986877f,
                                                    -0.5250730514526367f,
                                                    -0.39491748809814453f,
                                                    -0.28444138169288635f,
                                                    -0.18477343022823334f,
                                                    -0.09105003625154495f,
                                                    0.0f,
                                                    0.07958029955625534f,
                                                    0.16093020141124725f,
                                                    0.24611230194568634f,
                                                    0.33791524171829224f,
                                                    0.44070982933044434f,
                                                    0.5626170039176941f,
                                                    0.7229568362236023f,
                                                    1.0f};
  return kLevels;
}

const std::array<float, 16>& fp4_levels() {
  static constexpr std::array<float, 16> kLevels = [] {
    // A sign, two bits of exponent and one of fraction, by their bits; the largest becomes 1.
    constexpr float kMagnitudes[8] = {0.0f, 0.0625f, 8.0f, 12.0f, 4.0f, 6.0f, 2.0f, 3.0f};
    std::array<float, 16> levels{};
    for (std::size_t i = 0; i < 8; ++i) levels[i] = kMagnitudes[i] / 12.0f;
    for (std::size_t i = 1; i < 8; ++i) levels[i + 8] = -levels[i];
    return levels;
  }();
  return kLevels;
}

const std::array<float, 256>& dynamic_map() {
  // The signed dynamic map of bitsandbytes (create_dynamic_map), written by scripts/golden/nf4.py.
  static constexpr std::array<float, 256> kMap = {
#include "quant/dynamic_map.inc"
  };
  return kMap;
}

const float* nf4_bounds() {
  static const std::array<float, 15> kBounds = [] {
    std::array<float, 15> bounds{};
    for (std::size_t i = 0; i < 15; ++i) bounds[i] = (nf4_levels()[i] + nf4_levels()[i + 1]) / 2;
    return bounds;
  }();
  return kBounds.data();
}

namespace {

std::uint8_t code_of(float scaled) {
  std::uint8_t code = 0;
  for (int i = 0; i < 15; ++i) code += scaled > nf4_bounds()[i];
  return code;
}

void quantize(const float* values, std::int64_t count, float scale, std::uint8_t* codes) {
  for (std::int64_t i = 0; i < count; i += 2) {
    codes[i / 2] = static_cast<std::uint8_t>(code_of(values[i] * scale) << 4 | code_of(values[i + 1] * scale));
  }
}

void dequantize(const std::uint8_t* codes, std::int64_t count, const float* levels, float absmax, float* out) {
  for (std::int64_t i = 0; i < count; i += 2) {
    out[i] = levels[codes[i / 2] >> 4] * absmax;
    out[i + 1] = levels[codes[i / 2] & 15] * absmax;
  }
}

}  // namespace

const Nf4Kernels kReferenceKernels = {quantize, dequantize};

}  // namespace holdfast::quant
