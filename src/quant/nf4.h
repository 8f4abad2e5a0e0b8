// NF4: 4-bit normal-float weights, one scale per block of 64, the scales themselves in 8 bits ("double quantisation").
//
//   w[i] ~ level(code(i)) * absmax[i / 64]                       0 <= i < n = out_features * in_features
//   absmax[j] = map[absmax_code(j)] * nested_absmax[j / 256] + nested_offset
//
// codes          uint8 [ceil(n / 2)]   element 2j in the HIGH nibble of byte j, element 2j + 1 in the low one
// absmax_codes   uint8 [ceil(n / 64)]  index into the signed dynamic map of 256 floats
// nested_absmax  float [ceil(n / 64 / 256)]
// nested_offset  float                 mean of the blocks' largest |w|, as torch's mean gives it on one thread
//
// Dtypes    all products in float, each rounded once; bf16 and fp16 weights are widened first.
// Ties      w / absmax exactly between two levels takes the lower one.  A block of zeros decodes to zeros.
// Error     |w - out| <= 0.1520 * absmax, before the scales are quantised; 0.1520 is half the widest gap between
// levels. Size      4 + 8/64 + 32/(64*256) = 4.127 bits per weight. Backward  none: the codes are constants.  dX = dY *
// dequantise(W) is lora_linear's business. Equal to  bitsandbytes 0.50 on a CPU, bit for bit: tests/quant/nf4_test.cpp,
// scripts/golden/nf4.py, tests/parity. Source    Dettmers et al., QLoRA, arXiv:2305.14314. Versions  reference: plain
// loops, the specification.  avx2, avx512: 8 and 16 weights at a time, picked at run time; all
//           three give the same bits.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

namespace holdfast::quant {

inline constexpr std::int64_t kBlockSize = 64;  // of what is quantised here; what is read may have others
inline constexpr std::int64_t kNestedBlockSize = 256;

const std::array<float, 16>& nf4_levels();
// bitsandbytes' FP4 in place of NF4: other levels, else the same.
const std::array<float, 16>& fp4_levels();
const std::array<float, 256>& dynamic_map();

struct Nf4Weight {
  at::Tensor codes, absmax_codes, nested_absmax;
  float nested_offset = 0;
  // float, one a block; defined when the scales are stored as they are (quantised once), in place of the three above.
  at::Tensor plain_absmax;
  std::int64_t out_features = 0, in_features = 0;
  bool in_panels = false;                // the codes' order: quant/panels.h
  std::int64_t block_size = kBlockSize;  // even
  const std::array<float, 16>* levels = &nf4_levels();

  std::int64_t size() const { return out_features * in_features; }
  bool fits_panels() const { return in_features % block_size == 0; }
  std::int64_t bytes() const {
    if (plain_absmax.defined()) return codes.numel() + 4 * plain_absmax.numel();
    return codes.numel() + absmax_codes.numel() + 4 * nested_absmax.numel() + 4;
  }
};

// Called when the numbers begin .. end of a matrix, row-major, have been read for the last time.
using NumbersRead = std::function<void(std::int64_t begin, std::int64_t end)>;

// REQUIRES: weight [out, in] in float, bf16 or fp16.  It is widened a little at a time: beside it and the result this
// takes a few megabytes, and the blocks' scales.  Throws Error(kBadFile) for a value that is not finite, or values near
// the end of float's range.
Nf4Weight quantize_nf4(const at::Tensor& weight, const NumbersRead& numbers_read = nullptr);

// The scales of all blocks: float [ceil(n / 64)].
at::Tensor dequantize_absmax(const Nf4Weight& weight);
// Of scales quantised with another map than dynamic_map().
at::Tensor dequantize_absmax(const Nf4Weight& weight, const float* map);

// Writes rows row_begin .. row_end, row-major.  The double version holds the float values widened.
// REQUIRES: in_features even, or all rows asked for.
void dequantize_nf4(const Nf4Weight& weight, float* out, std::int64_t row_begin, std::int64_t row_end);
at::Tensor dequantize_nf4(const Nf4Weight& weight, at::ScalarType type = at::kFloat);

// Which kernels run: the best the processor has, or what HOLDFAST_ISA=reference|avx2|avx512 forces.
enum class Isa { kReference, kAvx2, kAvx512 };
bool is_supported(Isa isa);
Isa selected_isa();
void force_isa(Isa isa);  // for tests.  REQUIRES: is_supported(isa).

}  // namespace holdfast::quant
