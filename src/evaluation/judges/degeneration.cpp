#include "evaluation/judges/degeneration.h"

#include <cctype>
#include <string>

#include "evaluation/judges/answer_language.h"
#include "evaluation/judges/question_match.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

constexpr std::size_t kLeastLoop = 40;   // bytes of UTF-8 of a part that repeats
constexpr std::size_t kLeastRounds = 4;  // and how often

// Blanks, ASCII punctuation, dashes, quotation marks and ellipses, and characters that cannot be seen.
bool says_nothing(std::int32_t c) {
  if (text::is_space(c)) return true;
  if (c < 0x80) return c < 0x20 || c == 0x7F || std::ispunct(static_cast<unsigned char>(c)) != 0;
  return (c >= 0x200B && c <= 0x2027) || (c >= 0x2060 && c <= 0x2064) || c == 0xFEFF || c == 0xFFFD;
}

// White space at the ends dropped, elsewhere one blank.
std::string collapse_spaces(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  bool is_behind_space = false;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;  // of the word, where it is plain: most of most answers
    while (end < text.size() && text[end] > 0x20 && text[end] < 0x7F) ++end;
    if (end > at) {
      if (is_behind_space && !out.empty()) out += ' ';
      is_behind_space = false;
      out.append(text, at, end - at);
      at = end;
      continue;
    }
    const auto [decoded, length] = text::decode_utf8(std::string_view(text).substr(at));
    const std::int32_t c = decoded < 0 ? 0xFFFD : decoded;
    at += length;
    if (text::is_space(c)) {
      is_behind_space = true;
      continue;
    }
    if (is_behind_space && !out.empty()) out += ' ';
    is_behind_space = false;
    text::append_utf8(out, c);
  }
  return out;
}

bool says_nothing_at_all(std::string_view text) {
  while (!text.empty()) {
    const auto [c, length] = text::decode_utf8(text);
    if (!says_nothing(c < 0 ? 0xFFFD : c)) return false;
    text.remove_prefix(length);
  }
  return true;
}

// By bytes, not words: a loop is cut in the middle of a word as a rule, and "!!!!" or Chinese has no blanks.
// (+ 1: the last round has lost the blank behind it.)
bool is_repetitive(const std::string& text) {
  const std::string bytes = collapse_spaces(text);
  const std::size_t n = bytes.size();
  if (n < kLeastLoop) return false;
  for (std::size_t period = 1; period * kLeastRounds <= n + 1; ++period) {
    std::size_t length = period;  // of the part at the end that repeats with this period
    while (length < n && bytes[n - 1 - length] == bytes[n - 1 - length + period]) ++length;
    if (length + 1 >= kLeastRounds * period && length >= kLeastLoop && 2 * length >= n) return true;
  }
  return false;
}

}  // namespace

const char* degeneration_rule() {
  return "degenerate: version 4; says nothing, or at least half ends in 4 rounds or more of the same, 40 bytes or "
         "more, or "
         "says the question again, or is in another script, or in another language by its function words, version 1";
}

Degeneration classify_degeneration(const Answer& answer, std::string_view prompt) {
  if (says_nothing_at_all(answer.text)) return Degeneration::kEmpty;
  if (is_repetitive(answer.text)) return Degeneration::kRepetitive;
  if (is_echo(prompt, answer.text)) return Degeneration::kEcho;
  if (is_other_script(prompt, answer.text) || is_other_language(prompt, answer.text))
    return Degeneration::kWrongLanguage;
  return answer.is_truncated ? Degeneration::kTruncated : Degeneration::kNone;
}

}  // namespace holdfast::evaluation
