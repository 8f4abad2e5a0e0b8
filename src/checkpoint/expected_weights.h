// The tensors that a checkpoint must hold by its description, and the check that it holds them and nothing else.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/hf_config.h"
#include "checkpoint/weights.h"

namespace holdfast::checkpoint {

struct ExpectedTensor {
  std::string name;
  std::vector<std::int64_t> shape;
};

// Embedding; per layer its norms, linear layers with their biases, sinks, router and experts; final norm; and the head
// unless it is tied.
std::vector<ExpectedTensor> expected_tensors(const ModelConfig& config);

// True when the file holds this weight in NF4 or FP4.  REQUIRES: it holds it.
bool is_four_bit(const Weights& weights, const std::string& name);

// Throws Error(kBadFile) listing the missing, superfluous and wrongly shaped tensors (the first five, and how many
// more). With config.is_four_bit a projection may be one in NF4 or FP4, with the parts that nf4_state.h lists.
// Tolerated: rotary_emb.inv_freq buffers of old files; a head beside a tied embedding, or in its place.
void check_weights(const ModelConfig& config, const Weights& weights, const std::filesystem::path& directory);

// The name under which the file holds the embedding: of a tied pair some files keep only lm_head.weight.
std::string embedding_name(const ModelConfig& config, const Weights& weights);

}  // namespace holdfast::checkpoint
