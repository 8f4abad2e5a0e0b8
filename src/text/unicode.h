// UTF-8 and what Python's str methods need to know of Unicode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::text {

struct DecodedCharacter {
  std::int32_t code_point;  // -1: the bytes are no UTF-8
  std::size_t length;  // bytes to pass over, at least 1; of bad bytes, those that Python would replace by one U+FFFD
};
// REQUIRES: text not empty.
DecodedCharacter decode_utf8(std::string_view text);

void append_utf8(std::string& text, std::int32_t code_point);

// With every bad sequence replaced by U+FFFD, as Python's errors="replace" does.
std::string repair_utf8(std::string_view text);

std::vector<std::int32_t> code_points(std::string_view text);  // bad bytes become U+FFFD
std::string to_utf8(const std::vector<std::int32_t>& code_points);

// White space and word characters as Unicode has them, which is what tokenizers mean by \s and \w.
bool is_white_space(std::int32_t code_point);
bool is_word_character(std::int32_t code_point);
// How many bytes of white space the text begins and ends with.
std::size_t leading_white_space(std::string_view text);
std::size_t trailing_white_space(std::string_view text);

bool is_space(std::int32_t code_point);  // as Python's str.isspace: white space, and the separators U+001C to U+001F
std::string strip_left(std::string_view text);
std::string strip_right(std::string_view text);
std::size_t count_code_points(std::string_view text);

// As std::string_view::find, in time that grows with the text alone, whatever is looked for.
std::size_t find_text(std::string_view text, std::string_view what, std::size_t start = 0);

std::string to_lower(std::string_view text);  // by code point; sharp s and its kind keep their length
std::string to_upper(std::string_view text);

}  // namespace holdfast::text
