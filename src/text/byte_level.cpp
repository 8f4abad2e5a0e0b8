#include "text/byte_level.h"

#include <array>
#include <unordered_map>

#include "text/unicode.h"

namespace holdfast::text {
namespace {

// Printable Latin-1 bytes stand for themselves; the others, in order, for U+0100 and up.
const std::array<std::int32_t, 256>& map() {
  static const std::array<std::int32_t, 256> kMap = [] {
    std::array<std::int32_t, 256> values{};
    std::int32_t next = 256;
    for (std::int32_t byte = 0; byte < 256; ++byte) {
      const bool is_printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      values[byte] = is_printable ? byte : next++;
    }
    return values;
  }();
  return kMap;
}

}  // namespace

std::string bytes_to_characters(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_utf8(text, map()[static_cast<unsigned char>(byte)]);
  return text;
}

std::optional<unsigned char> character_to_byte(std::int32_t code_point) {
  static const std::unordered_map<std::int32_t, unsigned char> kInverse = [] {
    std::unordered_map<std::int32_t, unsigned char> inverse;
    for (int byte = 0; byte < 256; ++byte) inverse[map()[byte]] = static_cast<unsigned char>(byte);
    return inverse;
  }();
  const auto found = kInverse.find(code_point);
  if (found == kInverse.end()) return std::nullopt;
  return found->second;
}

}  // namespace holdfast::text
