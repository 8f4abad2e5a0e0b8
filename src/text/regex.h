// Regular expressions as Hugging Face tokenizers use them, run by PCRE2 with Unicode properties.
//
// `\s` is rewritten to the white space that the tokenizers' own engine knows: PCRE2's would take in U+180E.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::text {

class Regex {
 public:
  // Throws Error(kBadFile) with the place in the pattern that PCRE2 complains about.
  explicit Regex(const std::string& pattern);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // All matches, left to right, as byte ranges [begin, end); empty ones are left out.  REQUIRES: valid UTF-8.
  std::vector<std::pair<std::size_t, std::size_t>> find_all(std::string_view text) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::text
