// The keys and values of a sequence: a table of pages (model/kv_pages.h), of which the first may belong to others too.
//
// Pages stand at whole multiples of 32 tokens, so that attention sums in the same order whatever of a sequence was
// computed together, came from another, or was copied.  The first sequence to go on inside a page writes behind what is
// there; another that goes on from the same place makes a copy for itself.
// Invariant: length() tokens are valid in every layer between calls of Decoder::forward.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "model/kv_pages.h"

namespace holdfast::model {

// Floats.  A KvPages outlives its sequences.
class KvSequence {
 public:
  explicit KvSequence(KvPages& pages) : pages_(&pages) {}
  KvSequence(KvSequence&& other) noexcept
      : pages_(other.pages_),
        table_(std::exchange(other.table_, {})),
        length_(std::exchange(other.length_, 0)),
        reserved_(std::exchange(other.reserved_, 0)) {}
  KvSequence& operator=(KvSequence&& other) noexcept;
  ~KvSequence() { clear(); }

  // The first `length` tokens, in the same pages.  REQUIRES: length <= length().
  KvSequence beginning(std::int64_t length) const;
  std::int64_t length() const { return length_; }
  void clear();

  // The pages that make_room(count) takes from the pool.
  std::int64_t pages_for(std::int64_t count) const;
  // Places for `count` tokens behind the valid ones, where nobody else writes.  REQUIRES: the pool has pages_for(count)
  // free.
  void make_room(std::int64_t count);

  // Rows of g * k numbers behind the valid ones, those of one head.  REQUIRES: there is room.  The length moves in
  // advance(), after all layers.
  struct Rows {
    const float *keys, *values;  // [count, g * k]
    std::int64_t count;
  };
  void write(std::int64_t layer, std::int64_t kv_head, const Rows& rows);
  void advance(std::int64_t count) { length_ += count; }

  KvPages& pages() const { return *pages_; }
  std::span<const KvPages::Page> table() const { return table_; }

 private:
  bool must_copy() const;
  void write_keys(float* panel, const float* keys, std::int64_t lane, std::int64_t count) const;

  KvPages* pages_;
  std::vector<KvPages::Page> table_;
  std::int64_t length_ = 0, reserved_ = 0;  // reserved_: tokens that there is room for
};

// The sequences that a batch continues, in its order; all of one pool.
struct KvCache {
  std::vector<KvSequence*> sequences;
  void advance(std::int64_t index, std::int64_t count) const {
    sequences[static_cast<std::size_t>(index)]->advance(count);
  }
};

}  // namespace holdfast::model
