// Python's `re` for the patterns of benchmarks, run by PCRE2: findall and sub, Unicode as Python has it by default.
//
// Differences that remain: PCRE2's Unicode tables are older, and \w knows marks otherwise.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::text {

class PythonRegex {
 public:
  // Throws Error(kBadInput) naming the pattern and the place in it that cannot be read.
  explicit PythonRegex(const std::string& pattern);
  ~PythonRegex();
  PythonRegex(PythonRegex&&) noexcept;
  PythonRegex& operator=(PythonRegex&&) noexcept;

  // One list a match: its groups, the empty text for one that took no part; without groups the match itself.
  // Each throws Error(kBadInput) where matching would take without bound.  Bytes that are no UTF-8 count as U+FFFD.
  std::vector<std::vector<std::string>> find_all(std::string_view text) const;
  // `replacement` may name groups: \1 .. \9.
  std::string replace_all(std::string_view text, std::string_view replacement) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::text
