// The block formats of GGUF tensors, widened to float.
//
// A row is cut into blocks of 32 weights (Q4_0, Q4_1, Q5_0, Q5_1, Q8_0) or 256 (Q2_K .. Q6_K); the layout of each
// stands at its function.  Every product is formed in float and rounded once, in the order that the `gguf` package's
// dequantize uses, so that values are equal bit for bit (scripts/golden/gguf_format.py,
// tests/checkpoint/gguf_test.cpp). Source: ggml's ggml-quants.h, as the `gguf` package describes it.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast::checkpoint {

struct GgufBlockFormat {
  std::uint32_t type;     // ggml's number
  std::string_view name;  // "Q4_K"
  std::int64_t weights;   // of a block
  std::int64_t bytes;     // of a block
  void (*widen)(const std::uint8_t* block, float* out);
};

// By ggml's number; null for formats that are not read.
const GgufBlockFormat* gguf_block_format(std::uint32_t type);

// Widens `blocks` blocks, on all threads.
void widen_gguf(const GgufBlockFormat& format, const std::uint8_t* bytes, std::int64_t blocks, float* out);

}  // namespace holdfast::checkpoint
