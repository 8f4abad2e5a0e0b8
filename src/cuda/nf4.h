// NF4 weights in row order (quant/nf4.h has format and formulas): widened, and quantised, with the same bits.
//
// codes     [ceil(n / 2)]   element 2j in the HIGH nibble of byte j
// scales    float [ceil(n / block_size)], or null and then scale_codes, nested_scales, map and offset make them:
//           map[scale_codes[j]] * nested_scales[j / 256] + offset
// levels    float [16], map float [256]: device memory of a device queue
//
// Widening  rounds level * scale once to float and once more to the type, as quant::dequantize_nf4(type) does.
// Quantise  blocks of 64; a last block that is short is divided by its scale, whole ones are multiplied by the
//           reciprocal, as bitsandbytes does on a processor.  Ties take the lower level.  Scales get their codes in a
//           second call, when their mean is known.  A weight that is not finite leaves a scale that is not finite.
// Source    Dettmers et al., QLoRA, arXiv:2305.14314.
#pragma once

#include "cuda/queue.h"

namespace holdfast::cuda {

struct Nf4Codes {
  const std::uint8_t* codes;
  const float* scales;
  const std::uint8_t* scale_codes;
  const float *nested_scales, *map, *levels;
  float offset;
  std::int64_t count;       // n
  std::int64_t block_size;  // even
};

// All weights, row-major, into out [n] of `type`.
void nf4_dequantize(const Nf4Codes& weight, Number type, void* out, Queue queue);

struct Nf4Quantize {
  Number type;
  const void* weights;  // [n]
  const float* levels;
  std::uint8_t* codes;  // [ceil(n / 2)]
  float* scales;        // [ceil(n / 64)]
  std::int64_t count;   // n
};
void nf4_quantize(const Nf4Quantize& call, Queue queue);

struct Nf4QuantizeScales {
  const float *scales, *offset, *map;  // [count], one number, [256]
  std::uint8_t* scale_codes;           // [count]
  float* nested_scales;                // [ceil(count / 256)]
  std::int64_t count;
};
void nf4_quantize_scales(const Nf4QuantizeScales& call, Queue queue);

}  // namespace holdfast::cuda
