// Words, sentences and cases as Python and nltk see them.
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <set>

#include "evaluation/ifeval_rules.h"
#include "text/unicode.h"

namespace holdfast::evaluation::ifeval {
namespace {

// Of a code point, as Python's re (\w) and str methods have it: letters, every kind of number, the underscore.
bool is_word(std::int32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

bool is_lower_letter(std::int32_t c) { return c == 0xAA || c == 0xBA || utf8proc_category(c) == UTF8PROC_CATEGORY_LL; }
bool is_upper_letter(std::int32_t c) { return utf8proc_category(c) == UTF8PROC_CATEGORY_LU; }
bool is_title_letter(std::int32_t c) { return utf8proc_category(c) == UTF8PROC_CATEGORY_LT; }

// Texts between white space.
std::vector<std::vector<std::int32_t>> chunks_of(std::string_view text) {
  std::vector<std::vector<std::int32_t>> chunks;
  bool is_inside = false;
  for (const std::int32_t c : text::code_points(text)) {
    if (text::is_space(c)) {
      is_inside = false;
      continue;
    }
    if (!is_inside) chunks.emplace_back();
    is_inside = true;
    chunks.back().push_back(c);
  }
  return chunks;
}

bool is_ascii_letter(std::int32_t c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

}  // namespace

std::int64_t count_words(std::string_view text, bool has_marks) {
  std::int64_t count = 0;
  bool is_inside = false;
  for (const std::int32_t c : text::code_points(text)) {
    const bool is_part = has_marks ? text::is_word_character(c) : is_word(c);
    count += is_part && !is_inside;
    is_inside = is_part;
  }
  return count;
}

// A sentence ends at one of . ? ! that stands before white space or the end.  Punkt looks at abbreviations, initials,
// numbers and runs of dots besides, so a full stop counts only behind a word too long to be one of those, and nothing
// is counted where any mark stands otherwise.
std::optional<std::int64_t> count_sentences(std::string_view text) {
  constexpr std::size_t kPlainWord = 6;  // letters
  std::int64_t count = 0;
  bool is_open = false;  // words behind the last end
  for (const auto& chunk : chunks_of(text)) {
    is_open = true;
    for (std::size_t i = 0; i < chunk.size(); ++i) {
      if (chunk[i] != '.' && chunk[i] != '?' && chunk[i] != '!') continue;
      const bool is_last = i + 1 == chunk.size();
      const auto letters = std::find_if_not(chunk.rbegin() + static_cast<std::ptrdiff_t>(chunk.size() - i),
                                            chunk.rend(), is_ascii_letter);
      const auto length =
          static_cast<std::size_t>(letters - (chunk.rbegin() + static_cast<std::ptrdiff_t>(chunk.size() - i)));
      if (!is_last || length != i || length < (chunk[i] == '.' ? kPlainWord : 1)) return std::nullopt;
      ++count;
      is_open = false;
    }
  }
  return count + is_open;
}

std::optional<std::int64_t> count_capital_words(std::string_view text) {
  // What the tokenizer cuts in two.
  static const std::set<std::string> kJoined = {"CANNOT", "GIMME", "GONNA", "GOTTA", "LEMME", "WANNA"};
  static const std::set<std::string> kEndings = {"s", "m", "d", "ll", "re", "ve"};
  std::int64_t count = 0;
  for (const auto& chunk : chunks_of(text)) {
    if (std::none_of(chunk.begin(), chunk.end(), is_upper_letter)) continue;
    const auto is_inner = [](std::int32_t c) { return is_word(c) && c != '_'; };
    const auto first = std::find_if(chunk.begin(), chunk.end(), is_inner);
    const auto last = std::find_if(chunk.rbegin(), chunk.rend(), is_inner).base();
    std::vector<std::int32_t> core(first, last);
    // A contraction's ending in small letters is a word of its own that is not in capitals.
    if (const auto quote = std::find(core.begin(), core.end(), '\''); quote != core.end()) {
      if (!kEndings.contains(text::to_utf8({quote + 1, core.end()}))) {
        if (std::all_of(core.begin(), core.end(), [&](std::int32_t c) { return is_inner(c) || c == '\''; }) &&
            std::none_of(core.begin() + 1, core.end(), is_upper_letter) && core.size() > 2 &&
            !is_upper_letter(*(quote - 1)))
          continue;  // "Don't": no part of it is in capitals
        return std::nullopt;
      }
      core.erase(quote, core.end());
    }
    const auto is_plain = [&](std::int32_t c) { return is_inner(c) || c == '-'; };
    const std::string word = text::to_utf8(core);
    const auto is_mark = [](std::int32_t c) { return c < 0x80; };
    if (!std::all_of(core.begin(), core.end(), is_plain) || word.find("--") != std::string::npos ||
        !std::all_of(chunk.begin(), first, is_mark) || !std::all_of(last, chunk.end(), is_mark))
      return std::nullopt;
    if (is_upper(word)) count += kJoined.contains(word) ? 2 : 1;
  }
  return count;
}

bool is_upper(std::string_view text) {
  bool is_cased = false;
  for (const std::int32_t c : text::code_points(text)) {
    if (is_lower_letter(c) || is_title_letter(c)) return false;
    is_cased = is_cased || is_upper_letter(c);
  }
  return is_cased;
}

bool is_lower(std::string_view text) {
  bool is_cased = false;
  for (const std::int32_t c : text::code_points(text)) {
    if (is_upper_letter(c) || is_title_letter(c)) return false;
    is_cased = is_cased || is_lower_letter(c);
  }
  return is_cased;
}

std::string strip(std::string_view text) { return text::strip_right(text::strip_left(text)); }

std::vector<std::string> split_at(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + separator.size());
  }
}

std::string strip_characters(std::string_view text, char character, bool left, bool right) {
  while (left && text.starts_with(character)) text.remove_prefix(1);
  while (right && text.ends_with(character)) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace holdfast::evaluation::ifeval
