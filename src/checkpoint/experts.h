// The experts of a layer as a checkpoint stores them, one matrix at a time.
//
// kSeparate   each projection of each expert under its own name: <experts>.<e>.<gate>.weight [f, d]
// kStacked    <experts>.gate_up_proj [e, d, 2f], columns gate 0, up 0, gate 1, up 1, ...; down_proj [e, f, d]
// kMxfp4      <experts>.gate_up_proj_blocks uint8 [e, 2f, d / 32, 16] and _scales uint8 [e, 2f, d / 32], rows
//             interleaved; down_proj likewise.  A block of 32 numbers: two a byte, the first in the low nibble; a
//             nibble is a sign and one of 0, 0.5, 1, 1.5, 2, 3, 4, 6; all times 2^(scale - 127).
// Biases of the last two: gate_up_proj_bias [e, 2f], interleaved, and down_proj_bias [e, d].
// Source      OCP Microscaling Formats (MX) 1.0; the layout is gpt-oss's.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "checkpoint/model_config.h"
#include "checkpoint/weights.h"

namespace holdfast::checkpoint {

struct StoredTensor {
  std::string name;  // below the layer's prefix
  std::vector<std::int64_t> shape;
};
// What stands in the file for all experts of a layer that are not stored one by one; else nothing.
std::vector<StoredTensor> stacked_expert_tensors(const ModelConfig& config);

// Blocks and scales are uint8.
bool holds_mxfp4_bytes(const std::string& name);

// Weight [out, in] and bias [out] of one linear layer, whatever way it is stored.
at::Tensor module_weight(const ModelConfig& config, const Weights& weights, const LinearModule& module);
at::Tensor module_bias(const ModelConfig& config, const Weights& weights, const LinearModule& module);

// Blocks uint8 [rows, blocks, 16] and scales uint8 [rows, blocks] to float [rows, 32 * blocks].
at::Tensor dequantize_mxfp4(const at::Tensor& blocks, const at::Tensor& scales);

}  // namespace holdfast::checkpoint
