// Keys and values of tokens already seen, one slab a sequence and layer, in one buffer a layer.
//
// A cache may stand on a shared prefix: tokens that all its sequences begin with, held once, in a cache of one
// sequence. Invariant: length(i) tokens of slot i are valid in every layer between calls of Decoder::forward.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <vector>

#include "checkpoint/model_config.h"

namespace holdfast::model {

class KvCache {
 public:
  // One slot a sequence, with room for capacities[i] tokens beyond the prefix.
  KvCache(const checkpoint::ModelConfig& config, std::span<const std::int64_t> capacities, at::ScalarType type,
          std::shared_ptr<const KvCache> prefix = nullptr);

  std::int64_t num_slots() const { return static_cast<std::int64_t>(lengths_.size()); }
  std::int64_t length(std::int64_t slot) const { return lengths_[slot]; }  // own tokens, without the prefix
  std::int64_t past(std::int64_t slot) const { return lengths_[slot] + prefix_length(); }
  std::int64_t prefix_length() const { return prefix_ ? prefix_->length(0) : 0; }
  const KvCache* prefix() const { return prefix_.get(); }

  // The slab of a slot: [capacity, g * k] rows, of which the first length(slot) are valid.
  at::Tensor keys(std::int64_t layer, std::int64_t slot) const;
  at::Tensor values(std::int64_t layer, std::int64_t slot) const;

  // Copies the new rows behind the valid ones.  REQUIRES: they fit.  The lengths move in advance(), after all layers.
  void write(std::int64_t layer, std::int64_t slot, const at::Tensor& keys, const at::Tensor& values);
  void advance(std::int64_t slot, std::int64_t count) { lengths_[slot] += count; }

  // Forgets the tokens of a slot, whose place can be written again.  REQUIRES: no prefix.
  void reset(std::int64_t slot) { lengths_[slot] = 0; }

  // Keeps only the slots named, in that order (finished sequences leave; nothing is copied).
  void keep(std::span<const std::int64_t> slots);

  static std::int64_t bytes_per_token(const checkpoint::ModelConfig& config, at::ScalarType type);

 private:
  std::vector<at::Tensor> keys_, values_;  // per layer [sum of capacities, g * k]
  std::vector<std::int64_t> offsets_, capacities_, lengths_;
  std::shared_ptr<const KvCache> prefix_;
};

}  // namespace holdfast::model
