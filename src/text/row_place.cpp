#include "text/row_place.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/error.h"
#include "text/unicode.h"

namespace holdfast::text {
namespace {

// The first byte that is not a plain character: NUL or part of a longer one.  Eight bytes a step.
std::size_t plain_prefix(std::string_view text) {
  constexpr std::uint64_t kHigh = 0x8080808080808080, kOnes = 0x0101010101010101;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if (((word | (word - kOnes)) & kHigh) != 0) break;  // a byte above 127, or one that borrows, which is NUL
  }
  while (i < text.size() && text[i] > 0) ++i;
  return i;
}

// Where the bytes stop being UTF-8 without NUL; text.size() when they do not.
std::size_t find_bad_byte(std::string_view text, bool allows_nul) {
  std::size_t i = 0;
  while (true) {
    i += plain_prefix(text.substr(i));
    if (i == text.size()) return i;
    const auto [code_point, length] = decode_utf8(text.substr(i));
    if (code_point < 0 || (code_point == 0 && !allows_nul)) return i;
    i += length;
  }
}

}  // namespace

RowPlace place_at(std::string_view text, std::size_t offset, RowPlace start) {
  const std::string_view before = text.substr(0, offset);
  const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t last = before.rfind('\n');
  const std::string_view row = last == std::string_view::npos ? before : before.substr(last + 1);
  const auto characters =
      std::count_if(row.begin(), row.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return {start.line + lines, (lines == 0 ? start.column : 1) + static_cast<std::size_t>(characters)};
}

std::string place_text(const std::string& name, const RowPlace& place) {
  return name + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

bool is_valid_utf8(std::string_view text) { return find_bad_byte(text, true) == text.size(); }

void check_utf8(std::string_view text, const std::string& name, RowPlace start) {
  const std::size_t bad = find_bad_byte(text, false);
  if (bad == text.size()) return;
  const std::string where = place_text(name, place_at(text, bad, start));
  HOLDFAST_CHECK(kBadFile, text[bad] != '\0', where,
                 ": found a NUL byte, expected UTF-8; try iconv -f UTF-16 -t UTF-8, or is it no text?");
  constexpr char kDigits[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(text[bad]);
  fail(ErrorKind::kBadFile, where, ": found bytes that are no UTF-8 (0x", kDigits[byte / 16], kDigits[byte % 16],
       "), expected UTF-8; try converting the file: iconv -f LATIN1 -t UTF-8 where it is Latin-1");
}

std::string_view without_byte_order_mark(std::string_view text, const std::string& name) {
  if (text.starts_with("\xEF\xBB\xBF")) return text.substr(3);
  HOLDFAST_CHECK(kBadFile, !text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF"), name,
                 ":1:1: found the byte order mark of UTF-16, expected UTF-8; try iconv -f UTF-16 -t UTF-8");
  return text;
}

std::string excerpt(std::string_view text, std::size_t bytes) {
  std::string shown;
  const std::string repaired = repair_utf8(text.substr(0, bytes + 4));
  std::string_view rest = repaired;
  while (!rest.empty() && shown.size() < bytes) {
    const std::size_t length = decode_utf8(rest).length;
    if (static_cast<unsigned char>(rest[0]) < 0x20)
      shown += ' ';
    else
      shown += rest.substr(0, length);
    rest.remove_prefix(length);
  }
  return shown + (text.size() > shown.size() ? "..." : "");
}

}  // namespace holdfast::text
