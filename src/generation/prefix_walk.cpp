#include "generation/prefix_walk.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::generation {
namespace {

// From below the root down to `end`.
std::vector<PrefixNode*> path_to(PrefixNode* end) {
  std::vector<PrefixNode*> path;
  for (PrefixNode* node = end; node->parent != nullptr; node = node->parent) path.push_back(node);
  std::reverse(path.begin(), path.end());
  return path;
}

std::int64_t count_tokens(const std::vector<PrefixNode*>& nodes) {
  return nodes.empty() ? 0 : nodes.back()->end - nodes.front()->begin();
}

}  // namespace

PrefixWalk::PrefixWalk(PrefixTree& tree, std::span<const model::Adapter* const> adapters)
    : tree_(tree), adapters_(adapters.begin(), adapters.end()) {
  if (adapters_.empty()) adapters_.push_back(nullptr);
  for (const model::Adapter* adapter : adapters_) roots_.push_back(&tree.root(adapter));
}

PrefixWalk::~PrefixWalk() {
  for (const Work& work : works_)
    for (PrefixNode* node : work.nodes) node->is_in_work = false;
  works_.clear();
  release_finished();
  for (const std::size_t run : unfinished_) release(places_[run]);
  tree_.prune();
}

std::size_t PrefixWalk::add(Run run) {
  HOLDFAST_ASSERT(run.wanted_from < static_cast<std::int64_t>(run.tokens.size()));
  HOLDFAST_ASSERT(run.adapter >= 0 && run.adapter < static_cast<std::int64_t>(roots_.size()));
  const std::size_t number = places_.size();
  Place& place = places_.emplace_back();
  place.run = std::move(run);
  const std::span<const text::TokenId> tokens = place.run.tokens;
  const std::int64_t from = place.run.wanted_from;
  PrefixNode* root = roots_[static_cast<std::size_t>(place.run.adapter)];
  if (place.run.is_whole) {
    std::unique_ptr<PrefixNode>& own = whole_roots_[{place.run.adapter, place.run.tokens}];
    if (own == nullptr) own = std::make_unique<PrefixNode>();
    root = own.get();
  }
  const auto shared = static_cast<std::size_t>(place.run.is_whole ? 0 : from);
  place.end = &tree_.add(tree_.add(*root, tokens.first(shared)), tokens.subspan(shared));
  for (PrefixNode* node : path_to(place.end)) {
    ++node->num_runs;
    if (node->end <= from) {
      node->is_beginning = true;
    } else {
      node->readers.push_back({number, from});
    }
  }
  unfinished_.push_back(number);
  return number;
}

void PrefixWalk::plan(std::int64_t max_tokens, model::TokenBatch& batch, model::KvCache& cache) {
  release_finished();
  const std::int64_t most = batch.size() + max_tokens;
  for (const std::size_t run : unfinished_) {
    if (batch.size() >= most || start(places_[run], most - batch.size(), batch, cache) == Start::kNoRoom) break;
  }
}

PrefixWalk::Start PrefixWalk::start(Place& place, std::int64_t max_tokens, model::TokenBatch& batch,
                                    model::KvCache& cache) {
  const std::vector<PrefixNode*> path = path_to(place.end);
  for (auto node = path.rbegin(); node != path.rend(); ++node) tree_.touch(**node);  // what is below goes first
  auto first = std::find_if(path.begin(), path.end(), [](const PrefixNode* node) { return !node->is_done(); });
  HOLDFAST_ASSERT(first != path.end());
  if ((*first)->is_in_work) return Start::kWaits;
  std::vector<PrefixNode*> nodes;
  for (; first != path.end() && !(*first)->is_in_work && !(*first)->is_done(); ++first) nodes.push_back(*first);

  const bool is_first = batch.size() == 0;
  if (count_tokens(nodes) > max_tokens) {
    if (place.run.is_whole ? !is_first : !cut(nodes, max_tokens, is_first)) return Start::kNoRoom;
  }
  const std::int64_t count = count_tokens(nodes);
  const PrefixNode& above = *nodes.front()->parent;
  model::KvSequence keys = above.keys ? above.keys->beginning(above.end) : model::KvSequence(tree_.pages());
  const std::int64_t pages = keys.pages_for(count);
  if (!tree_.make_free(pages)) {
    if (!is_first) return Start::kNoRoom;
    tree_.pages().raise_capacity(tree_.pages().capacity() - tree_.pages().num_free() + pages);
  }
  keys.make_room(count);
  std::vector<text::TokenId> tokens;
  for (PrefixNode* node : nodes) {
    tokens.insert(tokens.end(), node->tokens.begin(), node->tokens.end());
    node->is_in_work = true;
  }
  batch.add(tokens, above.end, place.run.adapter);
  works_.push_back({std::move(nodes), std::move(keys), batch.num_sequences() - 1});
  cache.sequences.push_back(&works_.back().keys);
  return Start::kStarted;
}

// Shortens a piece of a run to `max_tokens`, at the end of a page, so that nothing has to be copied.  False where it
// does not reach one; with `at_least_one` it then takes the first.
bool PrefixWalk::cut(std::vector<PrefixNode*>& nodes, std::int64_t max_tokens, bool at_least_one) {
  const std::int64_t begin = nodes.front()->begin(), first = begin / model::kPageTokens + 1,
                     last = (begin + max_tokens) / model::kPageTokens;
  if (last < first && !at_least_one) return false;
  const std::int64_t end = std::max(first, last) * model::kPageTokens;
  while (nodes.back()->begin() >= end) nodes.pop_back();
  if (nodes.back()->end > end) nodes.back() = &tree_.split(*nodes.back(), end - nodes.back()->begin());
  return true;
}

std::vector<WantedRow> PrefixWalk::complete(const model::TokenBatch& batch) {
  std::vector<WantedRow> rows;
  if (works_.empty()) return rows;
  for (Work& work : works_) {
    const std::int64_t first = batch.starts[static_cast<std::size_t>(work.sequence)], begin = work.nodes[0]->begin();
    tree_.count_computed(count_tokens(work.nodes));
    for (PrefixNode* node : work.nodes) {
      node->is_in_work = false;
      node->keys = work.keys.beginning(node->end);
      for (const PrefixNode::Reader& reader : node->readers) {
        for (std::int64_t place = std::max(reader.from, node->begin()); place < node->end; ++place)
          rows.push_back({reader.run, place, first + place - begin});
        if (places_[reader.run].end == node) finished_.push_back(reader.run);
      }
      node->readers.clear();
    }
  }
  works_.clear();
  std::vector<bool> is_finished(places_.size());
  for (const std::size_t run : finished_) is_finished[run] = true;
  std::erase_if(unfinished_, [&](std::size_t run) { return is_finished[run]; });
  return rows;
}

model::KvSequence PrefixWalk::keys_of(std::size_t run) const {
  const PrefixNode& end = *places_[run].end;
  HOLDFAST_ASSERT(end.keys.has_value());
  return end.keys->beginning(end.end);
}

void PrefixWalk::release_finished() {
  for (const std::size_t run : finished_) release(places_[run]);
  finished_.clear();
}

void PrefixWalk::release(Place& place) {
  for (PrefixNode* node : path_to(place.end)) {
    --node->num_runs;
    std::erase_if(node->readers, [&](const auto& reader) { return &places_[reader.run] == &place; });
    if (node->num_runs == 0 && !node->is_beginning) node->keys.reset();
  }
}

}  // namespace holdfast::generation
