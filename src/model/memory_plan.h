// What a model takes in memory, from its configuration alone: nothing is loaded.
//
//   weights      every tensor as Decoder::load holds it for a precision
//   scratch      the widest matrix, widened for a product; none where the matrices are held in float
//   cache        keys and values of one sequence while it is answered
//   activations  what a training step keeps of a pack of t tokens for the backward pass: per layer the inputs of both
//                norms, q, k, v, the attention's output and its log-sum-exp, gate and up (of experts: of those that
//                were chosen), and what goes into norms of query, key and behind the blocks
//   working      the most that lives for a moment on top: one layer's gradients, and the logits of one chunk of targets
//   adapter      LoRA of rank 8 on all projections: weights, gradient and both moments of AdamW
// Arithmetic is float on a CPU, so all but weights is counted in four bytes a number.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/hf_config.h"
#include "model/decoder.h"

namespace holdfast::model {

// One kind of tensor ("self_attn.q_proj.weight"), all layers and experts together.
struct CensusRow {
  std::string name;
  std::int64_t count = 0, parameters = 0;
  std::vector<std::int64_t> shape;
  bool is_quantized = false;  // in 4 bits when the base is loaded as nf4
  bool is_matrix = false;     // in 16 bits when it is loaded as bf16
  std::int64_t bytes(Precision precision) const;
};

// In the order of the checkpoint's layout.
std::vector<CensusRow> parameter_census(const checkpoint::ModelConfig& config);

struct MemoryPlan {
  std::int64_t weights = 0, scratch = 0, cache = 0, activations = 0, working = 0, adapter = 0;  // bytes
  std::int64_t generating() const { return weights + scratch + cache; }
  std::int64_t training() const { return weights + scratch + activations + working + adapter; }
};

// For one sequence, or one training pack, of `tokens` tokens.
MemoryPlan memory_plan(const checkpoint::ModelConfig& config, Precision precision, std::int64_t tokens);

}  // namespace holdfast::model
