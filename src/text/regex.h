// Regular expressions as Hugging Face tokenizers use them: Oniguruma's syntax and results, run by PCRE2.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::text {

class Regex {
 public:
  // Throws Error(kBadFile) with the place in the pattern that cannot be read.
  explicit Regex(const std::string& pattern);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // All matches, left to right, as byte ranges [begin, end).  An empty match is reported too, but not where the match
  // before it ended.  REQUIRES: valid UTF-8.  Throws Error(kBadInput) where matching would take without bound.
  std::vector<std::pair<std::size_t, std::size_t>> find_all(std::string_view text) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::text
