// Whether a text holds one of many phrases, in one pass over its bytes (Aho and Corasick 1975, as a table).
#pragma once

#include <cstdint>
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
  std::vector<std::uint16_t> next_;  // [state][byte]; state 0: nothing of any phrase yet
};

}  // namespace holdfast::evaluation
