// A packed batch: the tokens of several sequences end to end, with positions and boundaries.
//
// No padding, no attention mask, no pad token.  Shape legend of this module: t tokens of a batch, n sequences,
// d model width, h query heads, g key/value heads, k head width, f ffn width, v vocabulary, r rank.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace holdfast::model {

struct TokenBatch {
  std::vector<std::int64_t> tokens;        // [t]
  std::vector<std::int64_t> positions;     // [t] place of each token in its own sequence, counted from its true start
  std::vector<std::int64_t> starts = {0};  // [n + 1] sequence i owns tokens starts[i] .. starts[i + 1]
  std::vector<std::int64_t> adapters;      // [n] number of each sequence's adapter, where several run with the batch

  // Appends one sequence whose first token stands at `first_position` (> 0 when its beginning is in a cache).
  void add(std::span<const std::int32_t> ids, std::int64_t first_position = 0, std::int64_t adapter = 0);

  std::int64_t size() const { return static_cast<std::int64_t>(tokens.size()); }
  std::int64_t num_sequences() const { return static_cast<std::int64_t>(starts.size()) - 1; }
};

}  // namespace holdfast::model
