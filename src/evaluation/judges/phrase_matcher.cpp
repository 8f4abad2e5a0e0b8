#include "evaluation/judges/phrase_matcher.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::evaluation {

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
  has_beginnings_ = std::all_of(phrases.begin(), phrases.end(), [](const auto& phrase) { return phrase.size() >= 4; });
  for (const std::string& phrase : phrases) {
    if (!has_beginnings_) break;
    const std::size_t place = place_of(phrase.data());
    beginnings_[place / 64] |= std::uint64_t{1} << (place % 64);
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
}

bool PhraseMatcher::holds(std::string_view text) const {
  if (next_.empty()) return false;
  std::size_t state = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (state == 0 && has_beginnings_) {
      while (at + 4 <= text.size() && !may_begin(text.data() + at)) ++at;
      if (at + 4 > text.size()) return false;  // too little is left for a phrase
    }
    state = next_[state * 256 + static_cast<unsigned char>(text[at])];
    if (state == kFound) return true;
  }
  return false;
}

}  // namespace holdfast::evaluation
