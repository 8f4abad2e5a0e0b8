// Memory for keys and values of tokens already seen, in pages of 32 tokens that sequences share.
//
// A page holds all layers of 32 places one after the other, counted from its sequence's first token.  For each layer
// and key/value head it has the keys as attention scores with them, [k, 32]: number c of 32 keys side by side
// (quant/panels.h), and behind them the values [32, k].
// Invariants  a page has as many holders as hold() and take() have made and drop() has not; without holders it is free.
//             Places are written once, in their order: filled() are written or promised to a writer.
//             32 numbers may be read from any of a page's: memory goes on behind the last.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "checkpoint/model_config.h"
#include "quant/panel_kernels.h"

namespace holdfast::model {

inline constexpr std::int64_t kPageTokens = quant::kPanelRows;

class KvPages {
 public:
  using Page = std::int32_t;

  // As many pages as `budget_bytes` hold, at least one; memory is taken when pages are.
  KvPages(const checkpoint::ModelConfig& config, std::int64_t budget_bytes);

  std::int64_t capacity() const { return capacity_; }
  std::int64_t num_free() const { return capacity_ - num_held_; }
  void raise_capacity(std::int64_t pages) { capacity_ = std::max(capacity_, pages); }

  // A free page, with one holder.  REQUIRES: num_free() > 0.
  Page take();
  void hold(Page page) { ++holders_[static_cast<std::size_t>(page)]; }
  void drop(Page page);
  std::int64_t filled(Page page) const { return filled_[static_cast<std::size_t>(page)]; }
  void fill(Page page, std::int64_t places) { filled_[static_cast<std::size_t>(page)] = places; }
  // The first `tokens` of a page into another.
  void copy(Page from, Page to, std::int64_t tokens);

  float* keys(Page page, std::int64_t layer, std::int64_t kv_head) const;  // [k, 32]
  float* values(Page page, std::int64_t layer, std::int64_t kv_head) const {
    return keys(page, layer, kv_head) + kPageTokens * head_dim_;  // [32, k]
  }
  std::int64_t num_kv_heads() const { return num_kv_heads_; }
  std::int64_t head_dim() const { return head_dim_; }

  // What the keys and values of `tokens` tokens of one sequence take, in whole pages.
  static std::int64_t bytes_of(const checkpoint::ModelConfig& config, std::int64_t tokens);

 private:
  struct Free {
    void operator()(float* memory) const;
  };
  std::int64_t num_layers_, num_kv_heads_, head_dim_, page_numbers_, slab_pages_;
  std::int64_t capacity_, num_held_ = 0;
  std::vector<std::unique_ptr<float, Free>> slabs_;  // of slab_pages_ pages each
  std::vector<std::int64_t> holders_, filled_;       // of every page there is memory for
  std::vector<Page> free_;
};

}  // namespace holdfast::model
