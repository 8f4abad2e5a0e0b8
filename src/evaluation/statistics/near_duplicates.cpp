#include "evaluation/statistics/near_duplicates.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "base/error.h"

namespace holdfast::evaluation {
namespace {

class Union {
 public:
  explicit Union(std::size_t size) : parent_(size) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  std::size_t root(std::size_t one) {
    while (parent_[one] != one) one = parent_[one] = parent_[parent_[one]];
    return one;
  }
  void join(std::size_t a, std::size_t b) { parent_[root(a)] = root(b); }

 private:
  std::vector<std::size_t> parent_;
};

std::vector<std::string> words_of(std::string_view prompt) {
  std::vector<std::string> words(1);
  for (const char c : prompt) {
    const bool is_word = ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || (c & 0x80);
    if (is_word) {
      words.back() += 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  std::ranges::sort(words);
  words.erase(std::ranges::unique(words).begin(), words.end());
  return words;
}

// Each prompt's words as numbers, the rarest word 0, sorted: the front of a set is its rarest words.
std::vector<std::vector<std::uint32_t>> numbered(std::span<const std::string> prompts) {
  std::unordered_map<std::string, std::uint32_t> known;
  std::vector<std::vector<std::uint32_t>> sets;
  std::vector<std::uint32_t> uses;
  for (const auto& prompt : prompts) {
    auto& set = sets.emplace_back();
    for (auto& word : words_of(prompt)) {
      const auto [place, is_first] = known.try_emplace(std::move(word), static_cast<std::uint32_t>(known.size()));
      if (is_first) uses.push_back(0);
      ++uses[place->second];
      set.push_back(place->second);
    }
  }
  std::vector<std::uint32_t> order(uses.size()), rank(uses.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](std::uint32_t word) { return uses[word]; });
  for (std::uint32_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  for (auto& set : sets) {
    for (auto& word : set) word = rank[word];
    std::ranges::sort(set);
  }
  return sets;
}

// |A and B| / |A or B| >= threshold; stops as soon as what is left of either cannot make up what is missing.
bool is_near(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b, double threshold) {
  const double both = static_cast<double>(a.size() + b.size());
  // common >= needed is necessary, a hair taken off against rounding; the last line decides.
  const auto needed = static_cast<std::size_t>(std::ceil(threshold * both / (1 + threshold) * (1 - 1e-12)));
  std::size_t common = 0, i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (common + std::min(a.size() - i, b.size() - j) < needed) return false;
    if (a[i] == b[j])
      ++common, ++i, ++j;
    else if (a[i] < b[j])
      ++i;
    else
      ++j;
  }
  return static_cast<double>(common) >= threshold * (both - static_cast<double>(common));
}

}  // namespace

Clusters near_duplicates(std::span<const std::string> prompts, double threshold) {
  HOLDFAST_ASSERT(0 < threshold && threshold <= 1);
  const auto sets = numbered(prompts);
  Union joined(prompts.size());
  std::vector<std::size_t> by_size(prompts.size());
  std::iota(by_size.begin(), by_size.end(), std::size_t{0});
  std::ranges::stable_sort(by_size, {}, [&](std::size_t i) { return sets[i].size(); });
  std::unordered_map<std::uint32_t, std::vector<std::size_t>> index;  // word -> smaller prompts with it in front
  std::map<std::string_view, std::size_t> wordless;
  std::vector<std::size_t> last_compared(prompts.size(), prompts.size());
  for (const std::size_t i : by_size) {
    const auto& set = sets[i];
    if (set.empty()) {
      const auto [place, is_first] = wordless.try_emplace(prompts[i], i);
      if (!is_first) joined.join(i, place->second);
      continue;
    }
    // Two sets that are near share a word among the first |A| - threshold |A| + 1 of each.  A hair is taken off so that
    // rounding never drops a pair.
    const double size = static_cast<double>(set.size()), least = threshold * size * (1 - 1e-12);
    const auto front = static_cast<std::size_t>(size - std::ceil(least)) + 1;
    for (std::size_t w = 0; w < front; ++w) {
      auto& others = index[set[w]];
      for (const std::size_t other : others) {
        if (last_compared[other] == i || static_cast<double>(sets[other].size()) < least) continue;
        last_compared[other] = i;
        if (joined.root(i) != joined.root(other) && is_near(set, sets[other], threshold)) joined.join(i, other);
      }
      others.push_back(i);
    }
  }
  Clusters clusters;
  std::unordered_map<std::size_t, std::int64_t> numbers;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto [place, is_first] = numbers.try_emplace(joined.root(i), clusters.count);
    if (is_first) ++clusters.count;
    clusters.of.push_back(place->second);
  }
  return clusters;
}

}  // namespace holdfast::evaluation
