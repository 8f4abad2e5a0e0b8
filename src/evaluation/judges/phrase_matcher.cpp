#include "evaluation/judges/phrase_matcher.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace holdfast::evaluation {
namespace {

// Most places of most texts begin no phrase, which four bytes tell without the table: each place is looked up by
// itself, while a step of the table waits for the one before.  A bit for each value of place_of stands behind the
// table's rows.
constexpr int kPlaceBits = 13;
constexpr std::size_t kWords = (std::size_t{1} << kPlaceBits) / 16;

// Letters count the same in both cases, and some other bytes too: what begins a phrase is never missed.
std::size_t place_of(const char* bytes) {
  std::uint32_t four;
  std::memcpy(&four, bytes, sizeof four);
  return ((four | 0x20202020u) * 0x9E3779B1u) >> (32 - kPlaceBits);
}

bool may_begin(const std::uint16_t* beginnings, const char* bytes) {
  const std::size_t place = place_of(bytes);
  return (beginnings[place / 16] >> (place % 16) & 1) != 0;
}

// Where a phrase may begin; anywhere, where one is shorter than four bytes.
std::vector<std::uint16_t> beginnings_of(const std::vector<std::string>& phrases) {
  const bool is_short = std::any_of(phrases.begin(), phrases.end(), [](const auto& one) { return one.size() < 4; });
  std::vector<std::uint16_t> words(kWords, is_short ? 0xFFFF : 0);
  for (const std::string& phrase : phrases) {
    if (is_short) break;
    const std::size_t place = place_of(phrase.data());
    words[place / 16] = static_cast<std::uint16_t>(words[place / 16] | 1u << (place % 16));
  }
  return words;
}

}  // namespace

PhraseMatcher::PhraseMatcher(const std::vector<std::string>& phrases, bool folds_case) {
  constexpr std::uint16_t kNone = 0xFFFE;
  std::vector<bool> is_end(1, false);
  next_.assign(256, kNone);
  for (const std::string& phrase : phrases) {
    HOLDFAST_ASSERT(!phrase.empty());
    std::size_t state = 0;
    for (const char c : phrase) {
      std::uint16_t& to = next_[state * 256 + static_cast<unsigned char>(c)];
      std::size_t target = to;
      if (to == kNone) {
        target = is_end.size();
        HOLDFAST_ASSERT(target < kNone);
        to = static_cast<std::uint16_t>(target);
        is_end.push_back(false);
        next_.resize(next_.size() + 256, kNone);
      }
      state = target;
    }
    is_end[state] = true;
  }
  // Breadth first: where a byte leads nowhere, it leads where it does from the longest end of what was read that begins
  // a phrase too.
  std::vector<std::size_t> fallback(is_end.size(), 0), queue;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::uint16_t& to = next_[byte];
    if (to == kNone)
      to = 0;
    else
      queue.push_back(to);
  }
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const std::size_t state = queue[i];
    if (is_end[fallback[state]]) is_end[state] = true;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      std::uint16_t& to = next_[state * 256 + byte];
      const std::uint16_t otherwise = next_[fallback[state] * 256 + byte];
      if (to == kNone) {
        to = otherwise;
      } else {
        fallback[to] = otherwise;
        queue.push_back(to);
      }
    }
  }
  for (std::uint16_t& to : next_) {
    if (is_end[to]) to = kFound;
  }
  for (std::size_t state = 0; folds_case && state < is_end.size(); ++state) {
    for (std::size_t c = 'A'; c <= 'Z'; ++c) next_[state * 256 + c] = next_[state * 256 + c + 32];
  }
  const auto beginnings = beginnings_of(phrases);
  next_.insert(next_.end(), beginnings.begin(), beginnings.end());
}

bool PhraseMatcher::holds(std::string_view text) const {
  if (next_.empty()) return false;
  const std::uint16_t* beginnings = next_.data() + next_.size() - kWords;
  std::size_t state = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    while (state == 0 && at + 4 <= text.size() && !may_begin(beginnings, text.data() + at)) ++at;
    state = next_[state * 256 + static_cast<unsigned char>(text[at])];
    if (state == kFound) return true;
  }
  return false;
}

}  // namespace holdfast::evaluation
