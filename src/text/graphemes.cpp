#include "text/graphemes.h"

#include <utf8proc.h>

#include "text/unicode.h"

namespace holdfast::text {
namespace {

// Marks of up to three bytes that are newer than utf8proc's Unicode 14; no others change what the only user,
// PrecompiledMap, makes of a text.
bool is_newer_mark(std::int32_t c) {
  return c == 0x897 || (c >= 0x1ACF && c <= 0x1ADD) || (c >= 0x1AE0 && c <= 0x1AEB);
}

}  // namespace

std::size_t grapheme_length(std::string_view text) {
  DecodedCharacter now = decode_utf8(text);
  std::size_t size = now.length;
  utf8proc_int32_t state = 0;
  while (size < text.size()) {
    DecodedCharacter next = decode_utf8(text.substr(size));
    if (is_newer_mark(next.code_point)) next.code_point = 0x300;
    if (now.code_point < 0x80 && next.code_point < 0x80 && (now.code_point != '\r' || next.code_point != '\n')) break;
    if (utf8proc_grapheme_break_stateful(now.code_point, next.code_point, &state)) break;
    size += next.length;
    now = next;
  }
  return size;
}

}  // namespace holdfast::text
