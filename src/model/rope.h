// Rotary position embedding in the half-split layout of Hugging Face's Llama.
//
// For a head x of width k at position p, with angles a_i = p * inv_freq_i for i < k/2:
//   y_i       = x_i       cos a_i - x_{i+k/2} sin a_i
//   y_{i+k/2} = x_{i+k/2} cos a_i + x_i       sin a_i
// Backward  the inverse rotation: the same with -sin.
// Angles are formed in float, as transformers does, also where the rotation is done in double.
// Scaling   linear: frequencies divided by the factor; llama3: low ones stretched, with a smooth passage; yarn: the
// same
//           idea by number of rotations; dynamic: a larger base for sequences beyond the trained length; longrope: a
//           factor for each frequency, another set beyond the trained length.
// Partial   some families turn only the first numbers of each head.
// Source    Su et al., RoFormer, arXiv:2104.09864; scaling rules as in transformers' modeling_rope_utils.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "checkpoint/model_config.h"
#include "model/token_batch.h"

namespace holdfast::model {

// The inverse frequencies of one of the model's sets, scaling applied: float [turning dimensions / 2].  Only dynamic
// and longrope scaling look at `length`, the tokens of the whole sequence.
at::Tensor rope_inverse_frequencies(const checkpoint::ModelConfig& config, std::size_t rope = 0,
                                    std::int64_t length = 0);

struct RopeTable {
  at::Tensor cos, sin;  // [t, turning dimensions / 2] in the compute type
};
RopeTable rope_table(const at::Tensor& inverse_frequencies, std::span<const std::int64_t> positions,
                     at::ScalarType type, double attention_factor = 1);

// One table for each of the model's sets.
std::vector<RopeTable> rope_tables(const checkpoint::ModelConfig& config, const TokenBatch& batch, at::ScalarType type);

// The length beyond which all tokens of a sequence turn otherwise than in a shorter one; 0: there is none.
std::int64_t rope_switch_length(const checkpoint::ModelConfig& config);
// The same, of scalings under which cached keys must be made anew when a sequence grows beyond it; 0: none.  Dynamic
// scaling is not among them: transformers keeps the keys that it has.
std::int64_t rope_recompute_length(const checkpoint::ModelConfig& config);

// Rotates x [t, heads * k] in place; `inverse` applies the transposed matrix (the backward pass).
void apply_rotary(at::Tensor& x, const RopeTable& table, std::int64_t head_dim, bool inverse = false);

}  // namespace holdfast::model
