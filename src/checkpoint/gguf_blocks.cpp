#include "checkpoint/gguf_blocks.h"

#include <ATen/Parallel.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <cstring>

namespace holdfast::checkpoint {
namespace {

template <typename T>
T load(const std::uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

float half(const std::uint8_t* bytes) { return c10::Half(load<std::uint16_t>(bytes), c10::Half::from_bits()); }

void widen_f32(const std::uint8_t* block, float* out) { *out = load<float>(block); }
void widen_f16(const std::uint8_t* block, float* out) { *out = half(block); }
void widen_bf16(const std::uint8_t* block, float* out) {
  *out = c10::BFloat16(load<std::uint16_t>(block), c10::BFloat16::from_bits());
}

// half d; 32 x int8:  x = q d
void widen_q8_0(const std::uint8_t* block, float* out) {
  const float d = half(block);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<std::int8_t>(block[2 + i])) * d;
}

// half d; 16 bytes, low nibbles first:  x = (q - 8) d
void widen_q4_0(const std::uint8_t* block, float* out) {
  const float d = half(block);
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>((block[2 + i] & 15) - 8) * d;
    out[i + 16] = static_cast<float>((block[2 + i] >> 4) - 8) * d;
  }
}

// half d, half m; 16 bytes, low nibbles first:  x = q d + m
void widen_q4_1(const std::uint8_t* block, float* out) {
  const float d = half(block), m = half(block + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * static_cast<float>(block[4 + i] & 15) + m;
    out[i + 16] = d * static_cast<float>(block[4 + i] >> 4) + m;
  }
}

// half d; u32 fifth bits; 16 bytes, low nibbles first:  x = (q - 16) d
void widen_q5_0(const std::uint8_t* block, float* out) {
  const float d = half(block);
  const auto high = load<std::uint32_t>(block + 2);
  for (int i = 0; i < 16; ++i) {
    const int low_half = (block[6 + i] & 15) | static_cast<int>((high >> i) & 1) << 4;
    const int high_half = (block[6 + i] >> 4) | static_cast<int>((high >> (i + 16)) & 1) << 4;
    out[i] = d * static_cast<float>(low_half - 16);
    out[i + 16] = d * static_cast<float>(high_half - 16);
  }
}

// half d, half m; u32 fifth bits; 16 bytes, low nibbles first:  x = q d + m
void widen_q5_1(const std::uint8_t* block, float* out) {
  const float d = half(block), m = half(block + 2);
  const auto high = load<std::uint32_t>(block + 4);
  for (int i = 0; i < 16; ++i) {
    const int low_half = (block[8 + i] & 15) | static_cast<int>((high >> i) & 1) << 4;
    const int high_half = (block[8 + i] >> 4) | static_cast<int>((high >> (i + 16)) & 1) << 4;
    out[i] = d * static_cast<float>(low_half) + m;
    out[i + 16] = d * static_cast<float>(high_half) + m;
  }
}

// The eight six-bit scales and minima of a K block, packed into 12 bytes: the first four of each in six low bits, of
// the others four bits in the last four bytes and two in the high bits of the first eight.
struct ScaleAndMinimum {
  int scale, minimum;
};
ScaleAndMinimum scale_of(const std::uint8_t* packed, int j) {
  if (j < 4) return {packed[j] & 63, packed[j + 4] & 63};
  return {(packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4, (packed[j + 4] >> 4) | (packed[j] >> 6) << 4};
}

// half d, half dmin; 12 bytes of scales; 128 bytes, per 64 weights 32 bytes, low nibbles first:
//   x = (d scale) q - dmin minimum
void widen_q4_k(const std::uint8_t* block, float* out) {
  const float d = half(block), dmin = half(block + 2);
  const std::uint8_t* nibbles = block + 16;
  for (int j = 0; j < 8; ++j) {
    const auto [scale, minimum] = scale_of(block + 4, j);
    const float factor = d * static_cast<float>(scale), shift = dmin * static_cast<float>(minimum);
    for (int i = 0; i < 32; ++i) {
      const int q = j % 2 == 0 ? nibbles[j / 2 * 32 + i] & 15 : nibbles[j / 2 * 32 + i] >> 4;
      out[j * 32 + i] = factor * static_cast<float>(q) - shift;
    }
  }
}

// As Q4_K, with 32 bytes of fifth bits in front of the nibbles: bit j of byte i belongs to weight i of the j-th 32.
void widen_q5_k(const std::uint8_t* block, float* out) {
  const float d = half(block), dmin = half(block + 2);
  const std::uint8_t* fifth = block + 16;
  const std::uint8_t* nibbles = block + 48;
  for (int j = 0; j < 8; ++j) {
    const auto [scale, minimum] = scale_of(block + 4, j);
    const float factor = d * static_cast<float>(scale), shift = dmin * static_cast<float>(minimum);
    for (int i = 0; i < 32; ++i) {
      const int low = j % 2 == 0 ? nibbles[j / 2 * 32 + i] & 15 : nibbles[j / 2 * 32 + i] >> 4;
      out[j * 32 + i] = factor * static_cast<float>(low | ((fifth[i] >> j) & 1) << 4) - shift;
    }
  }
}

// 128 bytes of low nibbles, 64 of two high bits, 16 x int8 scales (one for 16 weights), half d:  x = (d scale) (q - 32)
// Per 128 weights: the four 32s take nibbles low of bytes 0..31, low of 32..63, high of 0..31, high of 32..63, and the
// bit pairs 0, 2, 4, 6 of 32 bytes.
void widen_q6_k(const std::uint8_t* block, float* out) {
  const float d = half(block + 208);
  for (int k = 0; k < 8; ++k) {
    const int part = k / 4, quarter = k % 4;
    const std::uint8_t* low = block + part * 64 + quarter % 2 * 32;
    const std::uint8_t* high = block + 128 + part * 32;
    for (int i = 0; i < 32; ++i) {
      const int nibble = quarter < 2 ? low[i] & 15 : low[i] >> 4;
      const int q = (nibble | ((high[i] >> (2 * quarter)) & 3) << 4) - 32;
      const auto scale = static_cast<std::int8_t>(block[192 + k * 2 + i / 16]);
      out[k * 32 + i] = d * static_cast<float>(scale) * static_cast<float>(q);
    }
  }
}

// 16 bytes of scales (low nibble) and minima (high nibble), one for 16 weights; 64 bytes, four weights a byte; half d,
// half dmin:  x = (d scale) q - dmin minimum
// Per 128 weights: the four 32s take the bit pairs 0, 2, 4, 6 of 32 bytes.
void widen_q2_k(const std::uint8_t* block, float* out) {
  const float d = half(block + 80), dmin = half(block + 82);
  for (int k = 0; k < 16; ++k) {
    const float factor = d * static_cast<float>(block[k] & 15), shift = dmin * static_cast<float>(block[k] >> 4);
    const std::uint8_t* pairs = block + 16 + k / 8 * 32 + k % 2 * 16;
    for (int i = 0; i < 16; ++i)
      out[k * 16 + i] = factor * static_cast<float>((pairs[i] >> (k % 8 / 2 * 2)) & 3) - shift;
  }
}

// 32 bytes of third bits, bit j of byte i for weight i of the j-th 32, which say that 4 is NOT taken away; 64 bytes as
// in Q2_K; 12 bytes of 16 six-bit scales, less 32: four low bits in the first eight bytes (low nibbles first), two high
// bits in the last four; half d:  x = (d scale) (q - 4 (not third))
void widen_q3_k(const std::uint8_t* block, float* out) {
  const float d = half(block + 108);
  const std::uint8_t* scales = block + 96;
  for (int k = 0; k < 16; ++k) {
    const int low = k < 8 ? scales[k] & 15 : scales[k - 8] >> 4;
    const float factor = d * static_cast<float>((low | ((scales[8 + k % 4] >> (k / 4 * 2)) & 3) << 4) - 32);
    const std::uint8_t* pairs = block + 32 + k / 8 * 32 + k % 2 * 16;
    const std::uint8_t* third = block + k % 2 * 16;
    for (int i = 0; i < 16; ++i) {
      const int q = ((pairs[i] >> (k % 8 / 2 * 2)) & 3) - ((third[i] >> (k / 2)) & 1 ? 0 : 4);
      out[k * 16 + i] = factor * static_cast<float>(q);
    }
  }
}

constexpr GgufBlockFormat kFormats[] = {
    {0, "F32", 1, 4, widen_f32},        {1, "F16", 1, 2, widen_f16},        {2, "Q4_0", 32, 18, widen_q4_0},
    {3, "Q4_1", 32, 20, widen_q4_1},    {6, "Q5_0", 32, 22, widen_q5_0},    {7, "Q5_1", 32, 24, widen_q5_1},
    {8, "Q8_0", 32, 34, widen_q8_0},    {10, "Q2_K", 256, 84, widen_q2_k},  {11, "Q3_K", 256, 110, widen_q3_k},
    {12, "Q4_K", 256, 144, widen_q4_k}, {13, "Q5_K", 256, 176, widen_q5_k}, {14, "Q6_K", 256, 210, widen_q6_k},
    {30, "BF16", 1, 2, widen_bf16}};

}  // namespace

const GgufBlockFormat* gguf_block_format(std::uint32_t type) {
  for (const GgufBlockFormat& format : kFormats)
    if (format.type == type) return &format;
  return nullptr;
}

void widen_gguf(const GgufBlockFormat& format, const std::uint8_t* bytes, std::int64_t blocks, float* out) {
  const std::int64_t grain = std::max<std::int64_t>(1, 32768 / format.weights);
  at::parallel_for(0, blocks, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) format.widen(bytes + i * format.bytes, out + i * format.weights);
  });
}

}  // namespace holdfast::checkpoint
