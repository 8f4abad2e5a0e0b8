// Upper, lower and title case as Python's str methods give them: whole texts, where one letter may become several and
// a sigma at a word's end is another one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace holdfast::text {

// Letters whose upper or title case is more than one character: made by scripts/unicode_tables.py.
struct LongCase {
  std::int32_t character;
  const char *upper, *title;
};
extern const std::span<const LongCase> kLongCases;  // in order

std::string python_upper(std::string_view text);
std::string python_lower(std::string_view text);
std::string python_title(std::string_view text);
std::string python_capitalize(std::string_view text);

}  // namespace holdfast::text
