#include "text/unicode.h"

#include <utf8proc.h>

#include <cstring>

#include "text/unicode_tables.h"

namespace holdfast::text {

DecodedCharacter decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {static_cast<std::int32_t>(first), 1};
  // Length and the range that the second byte must lie in (Unicode, table 3-7).
  std::size_t length = 0;
  unsigned low = 0x80, high = 0xBF;
  std::int32_t value = 0;
  if (first >= 0xC2 && first <= 0xDF)
    length = 2, value = first & 0x1F;
  else if (first >= 0xE0 && first <= 0xEF)
    length = 3, value = first & 0x0F, low = first == 0xE0 ? 0xA0 : 0x80, high = first == 0xED ? 0x9F : 0xBF;
  else if (first >= 0xF0 && first <= 0xF4)
    length = 4, value = first & 0x07, low = first == 0xF0 ? 0x90 : 0x80, high = first == 0xF4 ? 0x8F : 0xBF;
  else
    return {-1, 1};
  for (std::size_t i = 1; i < length; ++i) {
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {-1, i};
    value = (value << 6) | (byte(i) & 0x3F);
    low = 0x80, high = 0xBF;
  }
  return {value, length};
}

void append_utf8(std::string& text, std::int32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | (c >> 6));
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | (c >> 12));
    text += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    text += static_cast<char>(0xF0 | (c >> 18));
    text += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    text += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  }
}

std::string repair_utf8(std::string_view text) {
  std::string repaired;
  repaired.reserve(text.size());
  while (!text.empty()) {
    const auto [code_point, length] = decode_utf8(text);
    if (code_point < 0)
      append_utf8(repaired, 0xFFFD);
    else
      repaired += text.substr(0, length);
    text.remove_prefix(length);
  }
  return repaired;
}

std::vector<std::int32_t> code_points(std::string_view text) {
  std::vector<std::int32_t> points;
  while (!text.empty()) {
    const auto [code_point, length] = decode_utf8(text);
    points.push_back(code_point < 0 ? 0xFFFD : code_point);
    text.remove_prefix(length);
  }
  return points;
}

std::string to_utf8(const std::vector<std::int32_t>& points) {
  std::string text;
  for (const std::int32_t point : points) append_utf8(text, point);
  return text;
}

bool is_white_space(std::int32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_word_character(std::int32_t c) { return find_range(kWord, c) != nullptr; }

std::size_t leading_white_space(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size()) {
    const auto [code_point, length] = decode_utf8(text.substr(size));
    if (!is_white_space(code_point)) break;
    size += length;
  }
  return size;
}

std::size_t trailing_white_space(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t start = end - 1;
    while (start > 0 && end - start < 4 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (!is_white_space(decode_utf8(text.substr(start, end - start)).code_point)) break;
    end = start;
  }
  return text.size() - end;
}

bool is_space(std::int32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

std::string strip_left(std::string_view text) {
  while (!text.empty()) {
    const auto [code_point, length] = decode_utf8(text);
    if (!is_space(code_point)) break;
    text.remove_prefix(length);
  }
  return std::string(text);
}

std::string strip_right(std::string_view text) {
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && text.size() - start < 4 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (!is_space(decode_utf8(text.substr(start)).code_point)) break;
    text = text.substr(0, start);
  }
  return std::string(text);
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

std::size_t find_text(std::string_view text, std::string_view what, std::size_t start) {
  if (start > text.size()) return std::string_view::npos;
  const void* found = memmem(text.data() + start, text.size() - start, what.data(), what.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::string to_lower(std::string_view text) {
  std::string lower;
  for (const std::int32_t point : code_points(text)) {
    if (point == 0x130)
      lower += "i\xCC\x87";  // the one capital whose lower case is two characters
    else
      append_utf8(lower, utf8proc_tolower(point));
  }
  return lower;
}

std::string to_upper(std::string_view text) {
  std::string upper;
  for (const std::int32_t point : code_points(text)) {
    if (point == 0xDF)
      upper += "SS";
    else
      append_utf8(upper, utf8proc_toupper(point));
  }
  return upper;
}

}  // namespace holdfast::text
