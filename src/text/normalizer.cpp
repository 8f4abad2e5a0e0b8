#include "text/normalizer.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/regex.h"
#include "text/unicode.h"

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

// The library normalises by Unicode 9; these characters, which have a decomposition, came later.
bool is_after_unicode_9(std::int32_t c) {
  return c == 0x32FF || (c >= 0xA7F2 && c <= 0xA7F4) || c == 0xAB69 || (c >= 0x10781 && c <= 0x107BA) || c == 0x11938 ||
         (c >= 0x1E030 && c <= 0x1E06D) || c == 0x1F16C || (c >= 0x1FBF0 && c <= 0x1FBF9);
}

// They stay as they are, and as each is a starter nothing is composed or reordered across one.
std::string normal_form(const std::string& text, int options) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto [c, length] = decode_utf8(std::string_view(text).substr(i));
    if (is_after_unicode_9(c)) {
      out += utf8proc_form(text.substr(done, i - done), options) + text.substr(i, length);
      done = i + length;
    }
    i += length;
  }
  return out + utf8proc_form(text.substr(done), options);
}

std::string strip_accents(const std::string& text) {
  std::string out;
  for (const std::int32_t c : code_points(text)) {
    const auto category = utf8proc_category(c);
    const bool is_mark =
        category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME;
    if (!is_mark) append_utf8(out, c);
  }
  return out;
}

}  // namespace

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
      for (const auto& step : steps) text = step(std::move(text));
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
  if (type == "Lowercase") return [](const std::string& text) { return to_lower(text); };
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
  fail(ErrorKind::kBadFile, where, ": found normalizer '", type,
       "', which is not supported; this tokenizer cannot be used yet");
}

}  // namespace holdfast::text
