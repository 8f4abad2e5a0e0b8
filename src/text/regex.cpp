#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"

namespace holdfast::text {
namespace {

constexpr const char* kSpaces = R"(\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

std::string rewrite_spaces(const std::string& pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char escaped = pattern[++i];
      if (escaped == 's') {
        out += in_class ? kSpaces : std::string("[") + kSpaces + "]";
      } else if (escaped == 'S' && !in_class) {
        out += std::string("[^") + kSpaces + "]";
      } else {
        out += {c, escaped};
      }
      continue;
    }
    if (c == '[' && !in_class) in_class = true;
    else if (c == ']' && in_class) in_class = false;
    out += c;
  }
  return out;
}

}  // namespace

struct Regex::State {
  pcre2_code* code = nullptr;
  ~State() { pcre2_code_free(code); }
};

Regex::Regex(const std::string& pattern) : state_(std::make_unique<State>()) {
  const std::string rewritten = rewrite_spaces(pattern);
  int error = 0;
  PCRE2_SIZE place = 0;
  state_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(rewritten.data()), rewritten.size(), PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK, &error, &place, nullptr);
  if (state_->code == nullptr) {
    char message[128] = {};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
    fail(ErrorKind::kBadFile, "[tokenizer] found the pattern '", pattern, "', expected a regular expression (", message, " at ", place, ")");
  }
  pcre2_jit_compile(state_->code, PCRE2_JIT_COMPLETE);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::vector<std::pair<std::size_t, std::size_t>> Regex::find_all(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(pcre2_match_data_create_from_pattern(state_->code, nullptr), pcre2_match_data_free);
  std::vector<std::pair<std::size_t, std::size_t>> matches;
  std::size_t start = 0;
  while (start < text.size()) {
    const int count = pcre2_match(state_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start, PCRE2_NO_UTF_CHECK, data.get(), nullptr);
    if (count == PCRE2_ERROR_NOMATCH) break;
    HOLDFAST_CHECK(kBadInput, count > 0, "[tokenizer] found a text on which the pre-tokenizer's pattern gives up (PCRE2 error ", count, "), expected a match; try shorter text");
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
    if (range[1] > range[0]) {
      matches.emplace_back(range[0], range[1]);
      start = range[1];
    } else {  // an empty match: step over one character
      start = range[1] + 1;
      while (start < text.size() && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) ++start;
    }
  }
  return matches;
}

}  // namespace holdfast::text
