// Computes token sequences through a prefix tree: each distinct token once, in batches of many branches.
//
//   while (!walk.is_done()) {  walk.plan(2048, batch, cache);  hidden = decoder.forward(batch, ..., &cache);
//                              for (const WantedRow& row : walk.complete(batch)) read hidden[row.row];  }
//
// A batch takes runs in the order in which they were added.  A run goes on from the deepest node above it that is done,
// as far as no other run of the batch is computing the same; what two runs share is computed by the first of them.
// At the end of the walk the tree has kept the beginnings, and let go of what only had to be read.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "generation/prefix_tree.h"

namespace holdfast::generation {

struct Run {
  std::vector<text::TokenId> tokens;
  std::int64_t wanted_from = 0;  // hidden states are wanted of the tokens from here to the last: at least of one
  std::int64_t adapter = 0;      // number among the walk's
  bool is_whole = false;         // to be computed in one piece, and shared with its like alone
};

struct WantedRow {
  std::size_t run;
  std::int64_t place;  // of the token in its run
  std::int64_t row;    // of the batch
};

class PrefixWalk {
 public:
  // One walk of a tree at a time.  The adapters, null among them being the bare base, outlive it and do not change;
  // none at all: the bare base alone.
  PrefixWalk(PrefixTree& tree, std::span<const model::Adapter* const> adapters);
  ~PrefixWalk();
  PrefixWalk(const PrefixWalk&) = delete;
  PrefixWalk& operator=(const PrefixWalk&) = delete;

  // What the batch's sequences run with.
  model::AdapterSet adapters() const { return std::span(adapters_); }

  // Returns the run's number: 0, 1, 2 ...
  std::size_t add(Run run);
  bool is_done() const { return unfinished_.empty(); }
  // Adds sequences of at most `max_tokens` tokens in all, more only where one cannot be cut.  None where others of the
  // batch leave no pages; if the batch has no tokens yet, at least one.
  void plan(std::int64_t max_tokens, model::TokenBatch& batch, model::KvCache& cache);
  // After the forward pass of the batch: its rows that are wanted, those of a run in the order of its tokens.
  std::vector<WantedRow> complete(const model::TokenBatch& batch);
  // The keys and values of a run whose last row has just come, until the next plan().
  model::KvSequence keys_of(std::size_t run) const;

 private:
  struct Place {
    Run run;
    PrefixNode* end = nullptr;
  };
  // Consecutive nodes that a sequence of the batch computes.
  struct Work {
    std::vector<PrefixNode*> nodes;
    model::KvSequence keys;
    std::int64_t sequence;  // of the batch
  };
  enum class Start { kStarted, kWaits, kNoRoom };
  Start start(Place& place, std::int64_t max_tokens, model::TokenBatch& batch, model::KvCache& cache);
  bool cut(std::vector<PrefixNode*>& nodes, std::int64_t max_tokens, bool at_least_one);
  void release_finished();
  void release(Place& place);

  PrefixTree& tree_;
  std::vector<const model::Adapter*> adapters_;
  std::vector<PrefixNode*> roots_;  // one an adapter
  // Of runs that are whole, by adapter and tokens: outside of the tree.
  std::map<std::pair<std::int64_t, std::vector<text::TokenId>>, std::unique_ptr<PrefixNode>> whole_roots_;
  std::deque<Place> places_;
  std::vector<std::size_t> unfinished_, finished_;
  std::deque<Work> works_;
};

}  // namespace holdfast::generation
