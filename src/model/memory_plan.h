// What a model takes in memory, from its configuration alone: nothing is loaded.
//
//   process      the program and its libraries, before a model is there
//   pools        what the libraries hold on to for matrix products and threads, once they run; and the text side
//   weights      every tensor as Decoder::load holds it for a precision
//   reading      beside the weights while they are read: of a tensor what is in work
//   cache        keys and values of one sequence while it is answered or scored
//   passing      the most that lives at a time while tokens pass through a layer and nothing is kept
//   activations  what a training step keeps of a pack of t tokens for the backward pass: per layer the inputs of both
//                norms, q, k, v, the attention's output and its log-sum-exp, gate and up (of experts: of those that
//                were chosen), and what goes into norms of query, key and behind the blocks
//   backward     the most that lives for a moment beside the activations on the way back through a layer
//   logits       the hidden states and the logits of one chunk of tokens, with what is computed from them
//   adapter      LoRA on all projections: weights, gradient and both moments of AdamW
// Arithmetic is float on a CPU, so all but weights is counted in four bytes a number.  A streamed model holds two
// layers (model/layer_stream.h).  tests/parity/sizes.py holds each sum to 5 % of what is measured.
#pragma once

#include <algorithm>
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
  bool stays_narrow = false;  // in 16 bits when it is loaded as nf4: a large table that is stored so
  std::int64_t bytes(Precision precision) const;
};

// In the order of the checkpoint's layout.
std::vector<CensusRow> parameter_census(const checkpoint::ModelConfig& config);

// Numbers that one token takes.
struct TokenWidths {
  std::int64_t kept = 0;      // for the backward pass, all layers together
  std::int64_t passing = 0;   // forward through the widest layer, nothing kept
  std::int64_t backward = 0;  // back through the widest layer, beside what is kept
};
TokenWidths token_widths(const checkpoint::ModelConfig& config);

// Logits of some rows, their softmax and what it takes to compute the two; rows of hidden states and their gradient.
inline constexpr std::int64_t kLogitRows = 256;  // at a time: training/loss.h
std::int64_t logits_bytes(const checkpoint::ModelConfig& config, std::int64_t rows);

struct MemoryPlan {
  std::int64_t process = 0, pools = 0, weights = 0, reading = 0, cache = 0;  // bytes
  std::int64_t passing = 0, activations = 0, backward = 0, logits = 0, adapter = 0;
  std::int64_t loading() const { return process + weights + reading; }
  std::int64_t scoring() const { return used(cache + std::max(passing, logits)); }
  std::int64_t generating() const { return used(cache + std::max(passing, logits)); }
  std::int64_t training() const { return used(adapter + activations + std::max(backward, logits)); }

 private:
  std::int64_t used(std::int64_t beside) const { return std::max(loading(), process + pools + weights + beside); }
};

struct PlanOptions {
  Precision precision = Precision::kNf4;
  std::int64_t tokens = 2048;   // of one sequence, or of one training pack
  std::int64_t rank = 8;        // of the adapter
  bool streams_layers = false;  // REQUIRES: nf4
};
MemoryPlan memory_plan(const checkpoint::ModelConfig& config, const PlanOptions& options);

}  // namespace holdfast::model
