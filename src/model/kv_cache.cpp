#include "model/kv_cache.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::model {
namespace {

std::int64_t pages_of(std::int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

}  // namespace

KvSequence& KvSequence::operator=(KvSequence&& other) noexcept {
  std::swap(pages_, other.pages_);
  std::swap(table_, other.table_);
  std::swap(length_, other.length_);
  std::swap(reserved_, other.reserved_);
  return *this;
}

void KvSequence::clear() {
  for (const KvPages::Page page : table_) pages_->drop(page);
  table_.clear();
  length_ = reserved_ = 0;
}

KvSequence KvSequence::beginning(std::int64_t length) const {
  HOLDFAST_ASSERT(length <= length_);
  KvSequence first(*pages_);
  first.table_.assign(table_.begin(), table_.begin() + pages_of(length));
  for (const KvPages::Page page : first.table_) pages_->hold(page);
  first.length_ = first.reserved_ = length;
  return first;
}

// Someone else has gone on from where this sequence ends.
bool KvSequence::must_copy() const {
  return reserved_ % kPageTokens > 0 && pages_->filled(table_.back()) > reserved_ % kPageTokens;
}

std::int64_t KvSequence::pages_for(std::int64_t count) const {
  if (length_ + count <= reserved_) return 0;
  return pages_of(length_ + count) - static_cast<std::int64_t>(table_.size()) + (must_copy() ? 1 : 0);
}

void KvSequence::make_room(std::int64_t count) {
  const std::int64_t end = length_ + count;
  if (end <= reserved_) return;
  if (must_copy()) {
    const KvPages::Page own = pages_->take();
    pages_->copy(table_.back(), own, reserved_ % kPageTokens);
    pages_->drop(table_.back());
    table_.back() = own;
  }
  while (static_cast<std::int64_t>(table_.size()) < pages_of(end)) table_.push_back(pages_->take());
  for (std::int64_t page = reserved_ / kPageTokens; page < pages_of(end); ++page)
    pages_->fill(table_[static_cast<std::size_t>(page)], std::min(kPageTokens, end - page * kPageTokens));
  reserved_ = end;
}

void KvSequence::write(std::int64_t layer, std::int64_t kv_head, const Rows& rows) {
  HOLDFAST_ASSERT(length_ + rows.count <= reserved_);
  const std::int64_t k = pages_->head_dim(), stride = pages_->num_kv_heads() * k;
  for (std::int64_t row = 0; row < rows.count;) {
    const std::int64_t place = length_ + row, lane = place % kPageTokens,
                       count = std::min(kPageTokens - lane, rows.count - row);
    const KvPages::Page page = table_[static_cast<std::size_t>(place / kPageTokens)];
    const std::int64_t first = row * stride + kv_head * k;
    write_keys(pages_->keys(page, layer, kv_head), rows.keys + first, lane, count);
    float* to = pages_->values(page, layer, kv_head) + lane * k;
    for (std::int64_t i = 0; i < count; ++i)
      std::copy(rows.values + first + i * stride, rows.values + first + i * stride + k, to + i * k);
    row += count;
  }
}

void KvSequence::write_keys(float* panel, const float* keys, std::int64_t lane, std::int64_t count) const {
  const std::int64_t k = pages_->head_dim(), stride = pages_->num_kv_heads() * k;
  std::int64_t c = 0;
  if (count == kPageTokens) {
    const auto& kernels = quant::panel_kernels();
    for (; c + quant::kPanelRows <= k; c += quant::kPanelRows)
      kernels.transpose(keys + c, stride, panel + c * kPageTokens);
  }
  for (; c < k; ++c) {
    for (std::int64_t i = 0; i < count; ++i) panel[c * kPageTokens + lane + i] = keys[i * stride + c];
  }
}

}  // namespace holdfast::model
