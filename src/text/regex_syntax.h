// Translates a pattern from the syntax of Oniguruma, which the `tokenizers` library uses, to that of PCRE2.
//
// The two agree on most of what tokenizers write; where they do not, the pattern is rewritten so that PCRE2 matches
// what Oniguruma would, or refused.  The list: docs/formats/tokenizer.md, "Patterns".
#pragma once

#include <string>

namespace holdfast::text {

// Throws Error(kBadFile) naming the construct that has no equal in PCRE2.
std::string to_pcre2_syntax(const std::string& pattern);

// The inside of a character class: white space as Unicode has it (not U+180E, which PCRE2's own \s takes in), and \w.
// Both end in a class escape, so that a hyphen behind them stays a hyphen.
inline constexpr const char* kSpaceSet = R"(\t-\r\x{85}\x{2028}\x{2029}\p{Zs})";
inline constexpr const char* kWordSet = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";

}  // namespace holdfast::text
