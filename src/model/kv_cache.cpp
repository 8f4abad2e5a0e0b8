#include "model/kv_cache.h"

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>

#include "base/error.h"

namespace holdfast::model {

KvCache::KvCache(const checkpoint::ModelConfig& config, std::span<const std::int64_t> capacities, at::ScalarType type,
                 std::shared_ptr<const KvCache> prefix)
    : capacities_(capacities.begin(), capacities.end()), lengths_(capacities.size(), 0), prefix_(std::move(prefix)) {
  HOLDFAST_ASSERT(prefix_ == nullptr || (prefix_->num_slots() == 1 && prefix_->prefix() == nullptr));
  std::int64_t total = 0;
  for (const std::int64_t capacity : capacities_) {
    offsets_.push_back(total);
    total += capacity;
  }
  const std::int64_t width = config.num_kv_heads * config.head_dim;
  for (std::int64_t layer = 0; layer < config.num_layers; ++layer) {
    keys_.push_back(at::empty({total, width}, type));
    values_.push_back(at::empty({total, width}, type));
  }
}

at::Tensor KvCache::keys(std::int64_t layer, std::int64_t slot) const {
  return keys_[layer].narrow(0, offsets_[slot], capacities_[slot]);
}

at::Tensor KvCache::values(std::int64_t layer, std::int64_t slot) const {
  return values_[layer].narrow(0, offsets_[slot], capacities_[slot]);
}

void KvCache::write(std::int64_t layer, std::int64_t slot, const at::Tensor& keys, const at::Tensor& values) {
  HOLDFAST_ASSERT(lengths_[slot] + keys.size(0) <= capacities_[slot]);
  const std::int64_t row = offsets_[slot] + lengths_[slot];
  keys_[layer].narrow(0, row, keys.size(0)).copy_(keys);
  values_[layer].narrow(0, row, values.size(0)).copy_(values);
}

void KvCache::keep(std::span<const std::int64_t> slots) {
  std::vector<std::int64_t> offsets, capacities, lengths;
  for (const std::int64_t slot : slots) {
    offsets.push_back(offsets_[slot]);
    capacities.push_back(capacities_[slot]);
    lengths.push_back(lengths_[slot]);
  }
  offsets_ = std::move(offsets);
  capacities_ = std::move(capacities);
  lengths_ = std::move(lengths);
}

std::int64_t KvCache::bytes_per_token(const checkpoint::ModelConfig& config, at::ScalarType type) {
  return 2 * config.num_layers * config.num_kv_heads * config.head_dim *
         static_cast<std::int64_t>(c10::elementSize(type));
}

}  // namespace holdfast::model
