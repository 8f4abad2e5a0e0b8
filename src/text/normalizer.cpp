#include "text/normalizer.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/growth.h"
#include "text/precompiled_map.h"
#include "text/regex.h"
#include "text/unicode.h"
#include "text/unicode_tables.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

std::string utf8proc_form(const std::string& text, int options) {
  utf8proc_uint8_t* result = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &result, static_cast<utf8proc_option_t>(options));
  HOLDFAST_ASSERT(length >= 0);
  std::string normal(reinterpret_cast<char*>(result), static_cast<std::size_t>(length));
  std::free(result);
  return normal;
}

bool is_normalised(std::int32_t c) { return c >= kNormalised.front().first && find_range(kNormalised, c) != nullptr; }

// The library normalises by Unicode 9, utf8proc by a later version: it is given the characters that the library
// changes or moves, each run of them with the character before it, which they may join.
std::string normal_form(const std::string& text, int options) {
  std::string out;
  std::size_t done = 0, before = 0;  // up to where all is in `out`; where the character before begins
  for (std::size_t i = 0; i < text.size();) {
    const auto [c, length] = decode_utf8(std::string_view(text).substr(i));
    if (!is_normalised(c)) {
      before = i;
      i += length;
      continue;
    }
    std::size_t end = i + length;
    while (end < text.size()) {
      const auto next = decode_utf8(std::string_view(text).substr(end));
      if (!is_normalised(next.code_point)) break;
      end += next.length;
    }
    // The character before is left out where utf8proc would change or move what the library does not.
    const auto* property = utf8proc_get_property(decode_utf8(std::string_view(text).substr(before)).code_point);
    const bool stays = property->decomp_seqindex != UINT16_MAX || property->combining_class != 0;
    const std::size_t begin = stays ? i : before;
    out.append(text, done, begin - done);
    out += utf8proc_form(text.substr(begin, end - begin), options);
    i = done = before = end;
  }
  return out.append(text, done);
}

std::string strip_accents(const std::string& text) {
  std::string out;
  for (const std::int32_t c : code_points(text)) {
    if (find_range(kMark, c) == nullptr) append_utf8(out, c);
  }
  return out;
}

// Character by character, as the library does: a final sigma is no other one.
std::string lower_case(const std::string& text) {
  std::string lower;
  for (const std::int32_t c : code_points(text)) {
    const LowerCaseRun* run = find_range(kLowerCaseRuns, c);
    if (c == 0x130)
      lower += "i\xCC\x87";
    else
      append_utf8(lower, run != nullptr && (c - run->first) % run->step == 0 ? c + run->distance : c);
  }
  return lower;
}

// What SentencePiece's nmt rules do beside normal forms: control characters go, other blanks become spaces.
std::string nmt(const std::string& text) {
  std::string out;
  for (const std::int32_t c : code_points(text)) {
    const bool is_control =
        (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
    const bool is_blank = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                          (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
                          c == 0xFFFD;
    if (!is_control) append_utf8(out, is_blank ? ' ' : c);
  }
  return out;
}

}  // namespace

constexpr std::size_t kReplaceSpare = 64;

std::function<std::string(const std::string&)> make_replace(const json& description, const std::string& where) {
  HOLDFAST_CHECK(
      kBadFile,
      description.contains("pattern") && description.contains("content") && description["content"].is_string(), where,
      ": found a Replace without pattern or content, expected both");
  const std::string content = description["content"].get<std::string>();
  const json& pattern = description["pattern"];
  if (pattern.contains("String")) {
    const std::string from = pattern["String"].get<std::string>();
    HOLDFAST_CHECK(kBadFile, !from.empty(), where, ": found a Replace of an empty text, expected some");
    return [from, content](const std::string& text) {
      std::string out;
      std::size_t done = 0;
      for (std::size_t place; (place = text.find(from, done)) != std::string::npos; done = place + from.size()) {
        out.append(text, done, place - done);
        out += content;
        check_growth(text.size(), out.size(), kReplaceSpare);
      }
      return out.append(text, done);
    };
  }
  HOLDFAST_CHECK(kBadFile, pattern.contains("Regex"), where, ": found pattern ", pattern.dump(),
                 ", expected String or Regex");
  const auto regex = std::make_shared<Regex>(pattern["Regex"].get<std::string>());
  return [regex, content](const std::string& text) {
    std::string out;
    if (text.empty()) return out;  // the library looks for nothing in nothing, not even for an empty match
    std::size_t done = 0;
    for (const auto& [begin, end] : regex->find_all(text)) {
      out.append(text, done, begin - done);
      out += content;
      done = end;
      check_growth(text.size(), out.size(), kReplaceSpare);
    }
    return out.append(text, done);
  };
}

Normalizer make_normalizer(const json& description, const std::string& where) {
  if (description.is_null()) return [](std::string text) { return text; };
  const std::string type = description.value("type", "");
  if (type == "Sequence") {
    std::vector<Normalizer> steps;
    for (const json& step : description.at("normalizers")) steps.push_back(make_normalizer(step, where));
    return [steps](std::string text) {
      const std::size_t size = text.size();
      for (const auto& step : steps) {
        text = step(std::move(text));
        check_growth(size, text.size(), 1 << 20);
      }
      return text;
    };
  }
  if (type == "Prepend") {
    const std::string prefix = description.at("prepend").get<std::string>();
    return [prefix](std::string text) { return text.empty() ? text : prefix + text; };
  }
  if (type == "Replace") return make_replace(description, where);
  if (type == "NFC")
    return [](const std::string& text) { return normal_form(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE); };
  if (type == "NFD")
    return [](const std::string& text) { return normal_form(text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE); };
  if (type == "NFKC")
    return
        [](const std::string& text) { return normal_form(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT); };
  if (type == "NFKD")
    return [](const std::string& text) {
      return normal_form(text, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
    };
  if (type == "Lowercase") return [](const std::string& text) { return lower_case(text); };
  if (type == "StripAccents") return strip_accents;
  if (type == "ByteLevel") return [](const std::string& text) { return bytes_to_characters(text); };
  if (type == "Strip") {
    const bool left = description.value("strip_left", true), right = description.value("strip_right", true);
    return [left, right](std::string text) {
      if (left) text.erase(0, leading_white_space(text));
      if (right) text.erase(text.size() - trailing_white_space(text));
      return text;
    };
  }
  if (type == "Nmt") return nmt;
  if (type == "Precompiled") {
    const auto map =
        std::make_shared<const PrecompiledMap>(description.at("precompiled_charsmap").get<std::string>(), where);
    return [map](const std::string& text) { return map->normalize(text); };
  }
  fail(ErrorKind::kBadFile, where, ": found normalizer '", type,
       "', which is not supported; this tokenizer cannot be used yet");
}

}  // namespace holdfast::text
