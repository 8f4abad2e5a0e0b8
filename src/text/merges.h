// The merges of byte-pair encoding, applied to symbols.
//
// Between two first symbols that no merge can ever bring together the text falls apart into segments, whose results do
// not depend on each other.  So a text without any pre-tokenizer, one word of megabytes, costs no more than words do.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/pair_table.h"
#include "text/piece_model.h"

namespace holdfast::text {

class Merges {
 public:
  void reserve(std::size_t merges);
  // The next in rank.  `left_ends` and `right_begins`: the first symbols that can stand on the two sides of the seam.
  void add(std::int32_t left, std::int32_t right, std::int32_t merged, std::span<const std::int32_t> left_ends,
           std::span<const std::int32_t> right_begins);
  // Appends what the symbols become.  Thread-safe.
  void apply(std::span<const std::int32_t> symbols, std::vector<std::int32_t>& ids) const;

 private:
  struct Merge {
    std::int32_t rank, id;
  };
  void apply_to_segment(std::span<const std::int32_t> segment, std::vector<std::int32_t>& ids) const;
  std::vector<std::int32_t> merge_all(std::span<const std::int32_t> segment) const;

  PairTable<Merge> merges_;
  PairTable<bool> seams_;  // pairs of first symbols that some merge can join
  std::int32_t next_rank_ = 0;

  // Segments seen before.  When full it is emptied, so that its size stays bounded and new text is still helped.
  static constexpr std::size_t kCacheLimit = 1 << 16, kCachedSymbols = 32;
  mutable std::mutex cache_mutex_;
  mutable std::unordered_map<std::string, std::vector<std::int32_t>, TextHash, std::equal_to<>>
      cache_;  // key: the symbols' bytes
};

}  // namespace holdfast::text
