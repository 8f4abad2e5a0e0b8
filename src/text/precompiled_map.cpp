#include "text/precompiled_map.h"

#include "base/error.h"
#include "text/graphemes.h"
#include "text/growth.h"
#include "text/records.h"
#include "text/unicode.h"

namespace holdfast::text {
namespace {

std::string decode_base64(const std::string& base64, const std::string& where) {
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  std::size_t size = base64.size();
  while (size > 0 && base64[size - 1] == '=' && base64.size() - size < 2) --size;
  for (std::size_t i = 0; i < size; ++i) {
    const char c = base64[i];
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    HOLDFAST_CHECK(kBadFile, value >= 0, where, ": found byte ", static_cast<int>(static_cast<unsigned char>(c)),
                   " in precompiled_charsmap, expected base64");
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xFF);
    }
  }
  return bytes;
}

std::uint32_t word_at(const std::string& bytes, std::size_t place) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) word |= std::uint32_t{static_cast<unsigned char>(bytes[place + i])} << (8 * i);
  return word;
}

// The parts of a word of the double array.
bool has_value(std::uint32_t word) { return (word >> 8 & 1) != 0; }
std::uint32_t value_of(std::uint32_t word) { return word & 0x7FFFFFFF; }
std::uint32_t label_of(std::uint32_t word) { return word & 0x800000FF; }
std::uint32_t offset_of(std::uint32_t word) { return (word >> 10) << ((word & 0x200) >> 6); }

}  // namespace

PrecompiledMap::PrecompiledMap(const std::string& base64, const std::string& where) {
  const std::string bytes = decode_base64(base64, where);
  const std::size_t size = bytes.size() < 4 ? 0 : word_at(bytes, 0);
  HOLDFAST_CHECK(kBadFile, size >= 4 && size % 4 == 0 && size <= bytes.size() - 4, where,
                 ": found a precompiled_charsmap of ", bytes.size(), " bytes with an array of ", size,
                 ", expected an array that is there; is the file damaged?");
  for (std::size_t place = 4; place < size + 4; place += 4) array_.push_back(word_at(bytes, place));
  texts_ = bytes.substr(size + 4);
  HOLDFAST_CHECK(kBadFile, is_valid_utf8(texts_), where,
                 ": found a precompiled_charsmap whose texts are no UTF-8, expected UTF-8; is the file damaged?");
}

std::optional<std::string_view> PrecompiledMap::replacement(std::string_view chunk) const {
  std::uint32_t node = offset_of(array_[0]);
  for (const char c : chunk) {
    const auto byte = static_cast<unsigned char>(c);
    node ^= byte;
    if (byte == 0 || node >= array_.size() || label_of(array_[node]) != byte) return std::nullopt;
    const bool is_key = has_value(array_[node]);
    node ^= offset_of(array_[node]);
    if (!is_key) continue;
    const std::uint32_t place =
        node < array_.size() ? value_of(array_[node]) : static_cast<std::uint32_t>(texts_.size());
    HOLDFAST_CHECK(kBadInput, place < texts_.size() && (static_cast<unsigned char>(texts_[place]) & 0xC0) != 0x80,
                   "[tokenizer] found a precompiled_charsmap that leads to byte ", place, " of ", texts_.size(),
                   " bytes of text, expected the beginning of a character; is the file damaged?");
    return std::string_view(texts_).substr(place, texts_.find('\0', place) - place);
  }
  return std::nullopt;
}

std::string PrecompiledMap::normalize(std::string_view text) const {
  constexpr std::size_t kLongGrapheme = 6;
  const std::size_t all = text.size();
  std::string out;
  out.reserve(all);
  while (!text.empty()) {
    std::string_view grapheme = text.substr(0, grapheme_length(text));
    text.remove_prefix(grapheme.size());
    if (grapheme.size() < kLongGrapheme) {
      if (const auto whole = replacement(grapheme)) {
        out += *whole;
        check_growth(all, out.size(), 0);
        continue;
      }
    }
    while (!grapheme.empty()) {
      const std::string_view character = grapheme.substr(0, decode_utf8(grapheme).length);
      out += replacement(character).value_or(character);
      check_growth(all, out.size(), 0);
      grapheme.remove_prefix(character.size());
    }
  }
  return out;
}

}  // namespace holdfast::text
