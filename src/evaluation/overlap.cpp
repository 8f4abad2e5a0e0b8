#include "evaluation/overlap.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "text/python_case.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

using Word = std::uint32_t;

// Words as numbers: those of the items first, the training data's own behind them.
class Vocabulary {
 public:
  std::vector<Word> numbers(std::string_view text) {
    std::vector<Word> found;
    for (std::string& word : overlap_words(text))
      found.push_back(words_.try_emplace(std::move(word), static_cast<Word>(words_.size())).first->second);
    return found;
  }
  std::size_t size() const { return words_.size(); }

 private:
  std::unordered_map<std::string, Word> words_;
};

std::uint64_t mix(std::uint64_t hash) {
  hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9;
  hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EB;
  return hash ^ (hash >> 31);
}

std::uint64_t hash_of(std::span<const Word> words) {
  std::uint64_t hash = words.size();
  for (const Word word : words) hash = mix(hash * 0x9E3779B97F4A7C15 + word + 1);
  return hash;
}

std::vector<Word> set_of(std::vector<Word> words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

bool is_more(const OverlapHit& a, const std::optional<OverlapHit>& b) {
  return !b || a.similarity > b->similarity || (a.similarity == b->similarity && a.row < b->row);
}

// Runs of words that the items hold, by a rolling hash of each length that occurs; what the hash finds is compared.
class Runs {
 public:
  Runs(const std::vector<std::vector<Word>>& items, const OverlapOptions& options) : items_(items) {
    for (std::size_t item = 0; item < items.size(); ++item) {
      const std::size_t size = items[item].size(), length = std::min(size, options.ngram);
      totals_.push_back(size < options.shortest ? 0 : size - length + 1);
      if (totals_[item] == 0) continue;
      Length& one = length_of(length);
      for (std::size_t i = 0; i + length <= size; ++i)
        one.places[roll(one, items[item], i, 0)].push_back({static_cast<Word>(item), static_cast<Word>(i)});
    }
    for (Length& one : lengths_) {
      for (auto& [hash, places] : one.places) {
        std::set<Word> distinct;
        for (const Place& place : places) distinct.insert(place.item);
        if (distinct.size() <= options.most_items_a_gram) continue;
        for (const Place& place : places) ignored_.insert({place.item, place.position});
        places.clear();
      }
    }
    for (const Place& place : ignored_) --totals_[place.item];
  }

  // The share of each item's runs that the text holds.
  void find(std::span<const Word> text, std::unordered_map<Word, double>& shares) {
    std::set<Place> found;
    for (Length& one : lengths_) {
      std::uint64_t hash = 0;
      for (std::size_t i = 0; i + one.length <= text.size(); ++i) {
        hash = roll(one, text, i, hash);
        const auto places = one.places.find(hash);
        if (places == one.places.end()) continue;
        for (const Place& place : places->second) {
          const auto& words = items_[place.item];
          if (std::equal(text.begin() + static_cast<std::ptrdiff_t>(i),
                         text.begin() + static_cast<std::ptrdiff_t>(i + one.length), words.begin() + place.position))
            found.insert(place);
        }
      }
    }
    for (const Place& place : found) shares[place.item] += 1;
    for (auto& [item, share] : shares) share /= static_cast<double>(totals_[item]);
  }

 private:
  struct Place {
    Word item, position;
    auto operator<=>(const Place&) const = default;
  };
  struct Length {
    std::size_t length;
    std::uint64_t power;  // of the factor, for the word that falls out
    std::unordered_map<std::uint64_t, std::vector<Place>> places;
  };
  static constexpr std::uint64_t kFactor = 0x9E3779B97F4A7C15;

  Length& length_of(std::size_t length) {
    for (Length& one : lengths_) {
      if (one.length == length) return one;
    }
    std::uint64_t power = 1;
    for (std::size_t i = 0; i < length; ++i) power *= kFactor;
    return lengths_.emplace_back(Length{length, power, {}});
  }
  // The hash of the run at `i`; `before` is that of the run one word earlier, which i = 0 does not have.
  static std::uint64_t roll(const Length& one, std::span<const Word> words, std::size_t i, std::uint64_t before) {
    if (i > 0 && before != 0)
      return before * kFactor + mix(words[i + one.length - 1] + 1) - one.power * mix(words[i - 1] + 1);
    std::uint64_t hash = 0;
    for (std::size_t j = i; j < i + one.length; ++j) hash = hash * kFactor + mix(words[j] + 1);
    return hash;
  }

  const std::vector<std::vector<Word>>& items_;
  std::vector<std::size_t> totals_;  // of each item, the runs that count
  std::vector<Length> lengths_;
  std::set<Place> ignored_;
};

// Pairs of similar sets.  Words are taken in one order, the rarest of the items first; two sets of similarity t or more
// share a word among the first |a| - ceil(t |a|) + 1 of a and the like of b.
class SimilarSets {
 public:
  SimilarSets(const std::vector<std::vector<Word>>& items, std::size_t num_words, double least) : least_(least) {
    std::vector<std::uint32_t> counts(num_words, 0);
    for (const auto& item : items) {
      sets_.push_back(set_of(item));
      for (const Word word : sets_.back()) ++counts[word];
    }
    ranks_.resize(num_words);
    std::vector<Word> order(num_words);
    for (Word word = 0; word < num_words; ++word) order[word] = word;
    std::stable_sort(order.begin(), order.end(), [&](Word a, Word b) { return counts[a] < counts[b]; });
    for (Word rank = 0; rank < num_words; ++rank) ranks_[order[rank]] = rank;
    begins_.resize(num_words);
    for (std::size_t item = 0; item < sets_.size(); ++item) {
      to_ranks(sets_[item]);
      for (std::size_t i = 0; i < prefix(sets_[item].size()); ++i)
        begins_[sets_[item][i]].push_back(static_cast<Word>(item));
    }
    seen_.assign(sets_.size(), 0);
  }

  // Calls with each item whose similarity to the text reaches the least, and that.
  template <typename Found>
  void find(const std::vector<Word>& text, const Found& found) {
    // Words that no item has come first: they are the rarest of all, and lead to nothing.
    std::vector<Word> words = set_of(text);
    std::size_t unknown = 0;
    for (const Word word : words) unknown += word >= ranks_.size();
    const std::size_t size = words.size();
    words.resize(size - unknown);  // sorted by number, and theirs are the highest
    to_ranks(words);
    ++turn_;
    for (std::size_t i = 0; i + unknown < prefix(size) && i < words.size(); ++i) {
      for (const Word item : begins_[words[i]]) {
        if (std::exchange(seen_[item], turn_) == turn_) continue;
        const auto& other = sets_[item];
        const auto smaller = static_cast<double>(std::min(size, other.size())),
                   larger = static_cast<double>(std::max(size, other.size()));
        if (smaller < least_ * larger) continue;
        std::size_t common = 0;
        for (std::size_t a = 0, b = 0; a < words.size() && b < other.size();) {
          common += words[a] == other[b];
          const bool moves_a = words[a] <= other[b], moves_b = other[b] <= words[a];
          a += moves_a, b += moves_b;
        }
        const double similarity = static_cast<double>(common) / static_cast<double>(size + other.size() - common);
        if (similarity >= least_) found(item, similarity);
      }
    }
  }

 private:
  void to_ranks(std::vector<Word>& words) const {
    for (Word& word : words) word = ranks_[word];
    std::sort(words.begin(), words.end());
  }
  std::size_t prefix(std::size_t size) const {
    if (size == 0) return 0;
    const auto least = static_cast<std::size_t>(std::ceil(least_ * static_cast<double>(size) - 1e-9));
    return size - std::min(size, std::max<std::size_t>(least, 1)) + 1;
  }

  double least_;
  std::vector<std::vector<Word>> sets_;  // of ranks, in order
  std::vector<Word> ranks_;
  std::vector<std::vector<Word>> begins_;  // of each rank, the items that begin with it or soon after
  std::vector<std::uint32_t> seen_;
  std::uint32_t turn_ = 0;
};

// The same as below for what most texts are.
std::vector<std::string> ascii_words(std::string_view text) {
  std::vector<std::string> words;
  bool is_in_word = false;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    const bool is_word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (is_word && !is_in_word) words.emplace_back();
    if (is_word) words.back() += c;
    is_in_word = is_word;
  }
  return words;
}

}  // namespace

const char* overlap_name(Overlap kind) {
  constexpr const char* kNames[] = {"exact", "normalised", "ngram", "near"};
  return kNames[static_cast<std::size_t>(kind)];
}

Overlap ItemOverlap::kind() const {
  for (std::size_t kind = 0; kind < kNumOverlaps; ++kind) {
    if (hits[kind]) return static_cast<Overlap>(kind);
  }
  return Overlap::kNear;
}

std::vector<std::string> overlap_words(std::string_view text) {
  if (std::none_of(text.begin(), text.end(), [](char c) { return c < 0; })) return ascii_words(text);
  const std::string lower = text::python_lower(text::repair_utf8(text));
  std::vector<std::string> words;
  std::size_t start = 0;
  bool is_in_word = false;
  for (std::size_t i = 0; i < lower.size();) {
    const auto [code_point, length] = text::decode_utf8(std::string_view(lower).substr(i));
    const bool is_word = text::is_word_character(code_point);
    if (is_word && !is_in_word) start = i;
    if (!is_word && is_in_word) words.push_back(lower.substr(start, i - start));
    is_in_word = is_word;
    i += length;
  }
  if (is_in_word) words.push_back(lower.substr(start));
  return words;
}

std::vector<ItemOverlap> find_overlap(std::span<const std::string> items, std::span<const TrainingText> training,
                                      const OverlapOptions& options) {
  HOLDFAST_CHECK(kBadInput, options.ngram >= 1 && options.shortest >= 1 && options.near > 0 && options.near <= 1,
                 "[overlap] found ngram ", options.ngram, ", shortest ", options.shortest, " and near ", options.near,
                 ", expected lengths from 1 and a similarity above 0 and at most 1");
  Vocabulary vocabulary;
  std::vector<std::vector<Word>> words;
  std::unordered_map<std::string_view, std::vector<std::size_t>> exact;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> normalised;
  for (std::size_t i = 0; i < items.size(); ++i) {
    words.push_back(vocabulary.numbers(items[i]));
    exact[items[i]].push_back(i);
    if (!words[i].empty()) normalised[hash_of(words[i])].push_back(i);
  }
  Runs runs(words, options);
  SimilarSets similar(words, vocabulary.size(), options.near);

  std::vector<ItemOverlap> all(items.size());
  const auto note = [&](std::size_t item, Overlap kind, const OverlapHit& hit) {
    auto& best = all[item].hits[static_cast<std::size_t>(kind)];
    if (is_more(hit, best)) best = hit;
  };
  std::unordered_map<Word, double> shares;
  for (const TrainingText& text : training) {
    if (const auto same = exact.find(text.text); same != exact.end()) {
      for (const std::size_t item : same->second) note(item, Overlap::kExact, {text.row, 1});
    }
    const std::vector<Word> numbers = vocabulary.numbers(text.text);
    if (const auto same = normalised.find(hash_of(numbers)); same != normalised.end()) {
      for (const std::size_t item : same->second) {
        if (words[item] == numbers) note(item, Overlap::kNormalised, {text.row, 1});
      }
    }
    shares.clear();
    runs.find(numbers, shares);
    for (const auto& [item, share] : shares) note(item, Overlap::kNgram, {text.row, share});
    similar.find(numbers, [&](Word item, double similarity) { note(item, Overlap::kNear, {text.row, similarity}); });
  }
  std::vector<ItemOverlap> found;
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].item = i;
    const auto& hits = all[i].hits;
    if (std::any_of(hits.begin(), hits.end(), [](const auto& hit) { return hit.has_value(); })) found.push_back(all[i]);
  }
  return found;
}

}  // namespace holdfast::evaluation
