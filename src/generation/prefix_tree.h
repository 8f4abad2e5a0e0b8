// Keys and values of token sequences that have been computed, kept so that what begins alike is computed once.
//
// A radix tree over token ids, one for each adapter, known by its content (and one for the bare base).  A node is a
// stretch of tokens and, where it is held, the keys and values of everything from the root to its end: a table of pages
// that it shares with the nodes above and below it (model/kv_cache.h).  A caller keeps the tree between calls of score
// and generate.  What it holds never changes a result: keys and values have the same bits wherever they come from.
// Memory  pages from one pool with a budget.  Where there are none left, nodes that no run in work goes through lose
//         their keys, the least recently used first; if that is not enough, others do.  Lost keys are computed again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/decoder.h"
#include "text/tokenizer.h"

namespace holdfast::generation {

struct PrefixNode {
  PrefixNode* parent = nullptr;
  std::vector<text::TokenId> tokens;                              // none in a root
  std::int64_t end = 0;                                           // tokens from the root to this node's last
  std::map<text::TokenId, std::unique_ptr<PrefixNode>> children;  // by first token
  std::optional<model::KvSequence> keys;                          // of `end` tokens
  std::uint64_t last_use = 0;
  // Of the walks in progress (generation/prefix_walk.h):
  struct Reader {
    std::size_t run;
    std::int64_t from;  // the first token whose hidden state it wants, counted from the root
  };
  std::vector<Reader> readers;  // runs that still want hidden states of its tokens
  std::int64_t num_runs = 0;    // unfinished runs that go through it
  bool is_in_work = false;      // a sequence of the batch that is being made computes it
  bool is_beginning = false;    // some run wanted its keys alone: worth keeping

  std::int64_t begin() const { return end - static_cast<std::int64_t>(tokens.size()); }
  bool is_done() const { return parent == nullptr || (keys && readers.empty()); }
};

class PrefixTree {
 public:
  // At most `budget_bytes` of keys and values, but for what one sequence alone needs.  0: a quarter of the memory that
  // can be had.  `decoder` outlives the tree.
  explicit PrefixTree(model::Decoder& decoder, std::int64_t budget_bytes = 0);

  // Of an adapter as it is now; null: of the bare base.
  PrefixNode& root(const model::Adapter* adapter);
  // The node that ends behind `ids`, from `node` on; made, by cutting another in two, where there is none.
  PrefixNode& add(PrefixNode& node, std::span<const text::TokenId> ids);
  // Cuts a node behind its first `count` tokens.  The node goes on to be the lower part; returns the upper one.
  PrefixNode& split(PrefixNode& node, std::int64_t count);
  void touch(PrefixNode& node) { node.last_use = ++clock_; }

  // Takes keys from nodes until `pages` are free.  False: there are not so many that could be.
  bool make_free(std::int64_t pages);
  // Removes nodes without keys below which there are none.  REQUIRES: no walk in progress.
  void prune();

  model::KvPages& pages() { return pages_; }
  model::Decoder& decoder() { return decoder_; }
  // How many tokens have been computed for the tree since it was made.
  std::int64_t computed_tokens() const { return computed_tokens_; }
  void count_computed(std::int64_t tokens) { computed_tokens_ += tokens; }

 private:
  model::Decoder& decoder_;
  model::KvPages pages_;
  std::map<std::uint64_t, std::unique_ptr<PrefixNode>> roots_;  // by adapter
  std::uint64_t clock_ = 0;
  std::int64_t computed_tokens_ = 0;
};

}  // namespace holdfast::generation
