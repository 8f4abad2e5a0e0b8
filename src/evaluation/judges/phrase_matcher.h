// Whether a text holds one of many phrases, in one pass over its bytes (Aho and Corasick 1975, as a table).
//
// Most places of most texts begin no phrase, which four bytes tell without the table: each is looked up by itself,
// while a step of the table waits for the one before.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::evaluation {

class PhraseMatcher {
 public:
  PhraseMatcher() = default;
  // With `folds_case` an ASCII capital of a text counts as its small letter.
  // REQUIRES: no phrase is empty, together fewer than 65,000 bytes.
  explicit PhraseMatcher(const std::vector<std::string>& phrases, bool folds_case = false);
  bool holds(std::string_view text) const;

 private:
  static constexpr std::uint16_t kFound = 0xFFFF;
  static std::size_t place_of(const char* bytes);
  // Whether a phrase may begin with these four bytes.
  bool may_begin(const char* bytes) const {
    const std::size_t place = place_of(bytes);
    return (beginnings_[place / 64] >> (place % 64) & 1) != 0;
  }
  std::array<std::uint64_t, 128> beginnings_{};  // a bit for each value of place_of
  bool has_beginnings_ = false;                  // no phrase is shorter than four bytes
  std::vector<std::uint16_t> next_;              // [state][byte]; state 0: nothing of any phrase yet
};

// Letters count the same in both cases, and some other bytes too: what begins a phrase is never missed.
inline std::size_t PhraseMatcher::place_of(const char* bytes) {
  std::uint32_t four;
  std::memcpy(&four, bytes, sizeof four);
  return ((four | 0x20202020u) * 0x9E3779B1u) >> 19;
}

}  // namespace holdfast::evaluation
