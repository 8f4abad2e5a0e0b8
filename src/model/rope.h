// Rotary position embedding in the half-split layout of Hugging Face's Llama.
//
// For a head x of width k at position p, with angles a_i = p * inv_freq_i for i < k/2:
//   y_i       = x_i       cos a_i - x_{i+k/2} sin a_i
//   y_{i+k/2} = x_{i+k/2} cos a_i + x_i       sin a_i
// Backward  the inverse rotation: the same with -sin.
// Angles are formed in float, as transformers does, also where the rotation is done in double.
// Scaling   none, linear (positions divided by the factor), llama3 (low frequencies stretched, a smooth passage
// between). Source    Su et al., RoFormer, arXiv:2104.09864; scaling rules as in transformers' modeling_rope_utils.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "checkpoint/hf_config.h"

namespace holdfast::model {

// The inverse frequencies of a model, scaling applied: float [k / 2].
at::Tensor rope_inverse_frequencies(const checkpoint::ModelConfig& config);

struct RopeTable {
  at::Tensor cos, sin;  // [t, k / 2] in the compute type
};
RopeTable rope_table(const at::Tensor& inverse_frequencies, std::span<const std::int64_t> positions,
                     at::ScalarType type);

// Rotates x [t, heads * k] in place; `inverse` turns back (the backward pass).
void apply_rotary(at::Tensor& x, const RopeTable& table, std::int64_t head_dim, bool inverse = false);

}  // namespace holdfast::model
