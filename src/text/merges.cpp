#include "text/merges.h"

#include <queue>

namespace holdfast::text {

void Merges::reserve(std::size_t merges) { merges_.reserve(merges); }

void Merges::add(std::int32_t left, std::int32_t right, std::int32_t merged, std::span<const std::int32_t> left_ends,
                 std::span<const std::int32_t> right_begins) {
  merges_.set(left, right, {next_rank_++, merged});
  for (const std::int32_t end : left_ends) {
    for (const std::int32_t begin : right_begins) seams_.set(end, begin, true);
  }
}

void Merges::apply(std::span<const std::int32_t> symbols, std::vector<std::int32_t>& ids) const {
  std::size_t start = 0;
  for (std::size_t i = 1; i <= symbols.size(); ++i) {
    if (i < symbols.size() && seams_.find(symbols[i - 1], symbols[i]) != nullptr) continue;
    apply_to_segment(symbols.subspan(start, i - start), ids);
    start = i;
  }
}

void Merges::apply_to_segment(std::span<const std::int32_t> segment, std::vector<std::int32_t>& ids) const {
  if (segment.size() == 1) {
    ids.push_back(segment[0]);
    return;
  }
  const std::string_view key(reinterpret_cast<const char*>(segment.data()), segment.size_bytes());
  const bool is_cached = segment.size() <= kCachedSymbols;
  if (is_cached) {
    const std::lock_guard lock(cache_mutex_);
    if (const auto found = cache_.find(key); found != cache_.end()) {
      ids.insert(ids.end(), found->second.begin(), found->second.end());
      return;
    }
  }
  std::vector<std::int32_t> merged = merge_all(segment);
  ids.insert(ids.end(), merged.begin(), merged.end());
  if (is_cached) {
    const std::lock_guard lock(cache_mutex_);
    if (cache_.size() >= kCacheLimit) cache_.clear();
    cache_.emplace(key, std::move(merged));
  }
}

std::vector<std::int32_t> Merges::merge_all(std::span<const std::int32_t> segment) const {
  // A doubly linked list in arrays; the queue holds candidate merges, lowest rank first, then leftmost.
  std::vector<std::int32_t> symbols(segment.begin(), segment.end());
  const auto n = static_cast<std::int32_t>(symbols.size());
  std::vector<std::int32_t> previous(n), next(n);
  struct Candidate {
    std::int32_t rank, place, id;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : place > other.place;
    }
  };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto consider = [&](std::int32_t place) {
    if (place < 0 || next[place] >= n) return;
    if (const Merge* found = merges_.find(symbols[place], symbols[next[place]]))
      queue.push({found->rank, place, found->id});
  };
  for (std::int32_t i = 0; i < n; ++i) previous[i] = i - 1, next[i] = i + 1;
  for (std::int32_t i = 0; i + 1 < n; ++i) consider(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    if (symbols[best.place] < 0 || next[best.place] >= n) continue;
    const std::int32_t right = next[best.place];
    const Merge* found = merges_.find(symbols[best.place], symbols[right]);
    if (found == nullptr || found->id != best.id) continue;  // the pair has changed since
    symbols[best.place] = best.id;
    symbols[right] = -1;
    next[best.place] = next[right];
    if (next[right] < n) previous[next[right]] = best.place;
    consider(previous[best.place]);
    consider(best.place);
  }
  std::erase(symbols, -1);
  return symbols;
}

}  // namespace holdfast::text
