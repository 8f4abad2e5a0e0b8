#include "model/kv_pages.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "base/error.h"

namespace holdfast::model {
namespace {

constexpr std::int64_t kSlabBytes = 4 << 20;  // blocks of this size go back to the system when they are freed
constexpr std::size_t kAlignment = 64;

}  // namespace

void KvPages::Free::operator()(float* memory) const { ::operator delete (memory, std::align_val_t{kAlignment}); }

KvPages::KvPages(const checkpoint::ModelConfig& config, std::int64_t budget_bytes)
    : num_layers_(config.num_layers), num_kv_heads_(config.num_kv_heads), head_dim_(config.head_dim) {
  const std::int64_t page_bytes = bytes_of(config, 1);
  page_numbers_ = page_bytes / static_cast<std::int64_t>(sizeof(float));
  slab_pages_ = (kSlabBytes + page_bytes - 1) / page_bytes;
  capacity_ = std::max<std::int64_t>(1, budget_bytes / page_bytes);
}

KvPages::Page KvPages::take() {
  HOLDFAST_ASSERT(num_free() > 0);
  if (free_.empty()) {
    const auto numbers = static_cast<std::size_t>(slab_pages_ * page_numbers_ + kPageTokens);
    slabs_.emplace_back(static_cast<float*>(::operator new (numbers * sizeof(float), std::align_val_t{kAlignment})));
    const auto first = static_cast<Page>(holders_.size());
    holders_.resize(holders_.size() + static_cast<std::size_t>(slab_pages_));
    filled_.resize(holders_.size());
    for (std::int64_t i = slab_pages_; i-- > 0;) free_.push_back(first + static_cast<Page>(i));
  }
  const Page page = free_.back();
  free_.pop_back();
  holders_[static_cast<std::size_t>(page)] = 1;
  filled_[static_cast<std::size_t>(page)] = 0;
  ++num_held_;
  return page;
}

void KvPages::drop(Page page) {
  if (--holders_[static_cast<std::size_t>(page)] > 0) return;
  free_.push_back(page);
  --num_held_;
}

void KvPages::copy(Page from, Page to, std::int64_t tokens) {
  for (std::int64_t layer = 0; layer < num_layers_; ++layer) {
    for (std::int64_t head = 0; head < num_kv_heads_; ++head) {
      const float* begin = keys(from, layer, head);
      std::copy(begin, begin + (kPageTokens + tokens) * head_dim_, keys(to, layer, head));
    }
  }
}

float* KvPages::keys(Page page, std::int64_t layer, std::int64_t kv_head) const {
  float* start = slabs_[static_cast<std::size_t>(page / slab_pages_)].get() + page % slab_pages_ * page_numbers_;
  return start + (layer * num_kv_heads_ + kv_head) * 2 * kPageTokens * head_dim_;
}

std::int64_t KvPages::bytes_of(const checkpoint::ModelConfig& config, std::int64_t tokens) {
  const std::int64_t pages = (tokens + kPageTokens - 1) / kPageTokens;
  return 2 * config.num_layers * config.num_kv_heads * config.head_dim * kPageTokens * pages *
         static_cast<std::int64_t>(sizeof(float));
}

}  // namespace holdfast::model
