// Which items of a benchmark stand in the training data, and how.
//
// Words: maximal runs of word characters, in lower case; so case, white space and punctuation do not count.
//   exact       a training text equals the item, byte for byte
//   normalised  their words are the same, in order
//   ngram       they share 13 words in a row, the measure of GPT-3's contamination study (Brown et al.,
//   arXiv:2005.14165,
//               appendix C); an item of fewer words, 8 at least, must stand there whole
//   near        the Jaccard similarity of their sets of words is 0.8 or more.  Every such pair is found: candidates
//   come
//               from the rarest words of each text, of which two that similar must share one (Bayardo et al., WWW
//               2007), where MinHash would miss some
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::evaluation {

enum class Overlap { kExact, kNormalised, kNgram, kNear };
inline constexpr std::size_t kNumOverlaps = 4;
const char* overlap_name(Overlap kind);

struct OverlapOptions {
  std::size_t ngram = 13;              // words in a row
  std::size_t shortest = 8;            // an item of fewer words overlaps as a whole text only
  double near = 0.8;                   // least Jaccard similarity
  std::size_t most_items_a_gram = 50;  // words that stand in more items are the benchmark's own phrase: no evidence
};

struct TrainingText {
  std::size_t row;  // of the file: the same for all texts of one conversation
  std::string text;
};

struct OverlapHit {
  std::size_t row;
  double similarity;  // ngram: the share of the item's runs of 13 words that the text holds; else Jaccard, or 1
};

struct ItemOverlap {
  std::size_t item;                                          // its index
  std::array<std::optional<OverlapHit>, kNumOverlaps> hits;  // of each kind the most similar text, the first of equals
  Overlap kind() const;                                      // the first kind that it has
};

// The words that are compared.
std::vector<std::string> overlap_words(std::string_view text);

// The items that overlap, in order.  Time grows with the texts and the pairs found.
std::vector<ItemOverlap> find_overlap(std::span<const std::string> items, std::span<const TrainingText> training,
                                      const OverlapOptions& options = {});

}  // namespace holdfast::evaluation
