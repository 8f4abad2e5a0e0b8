#include "text/python_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <functional>

#include "base/error.h"
#include "text/unicode.h"

namespace holdfast::text {

struct PythonRegex::State {
  pcre2_code* code = nullptr;
  std::string pattern;
  std::uint32_t groups = 0;
  ~State() { pcre2_code_free(code); }

  // Calls visit(ovector) for each match, left to right; an empty one may follow right behind another, as in Python.
  void each_match(const std::string& text, const std::function<void(const PCRE2_SIZE*)>& visit) const;
};

PythonRegex::PythonRegex(const std::string& pattern) : state_(std::make_unique<State>()) {
  state_->pattern = pattern;
  const std::unique_ptr<pcre2_compile_context, void (*)(pcre2_compile_context*)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE place = 0;
  state_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_UCP,
                               &error, &place, context.get());
  if (state_->code == nullptr) {
    char message[128] = {};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
    fail(ErrorKind::kBadInput, "[pattern] found '", pattern, "', expected a regular expression (", message, " at byte ",
         place, ")");
  }
  pcre2_pattern_info(state_->code, PCRE2_INFO_CAPTURECOUNT, &state_->groups);
  pcre2_jit_compile(state_->code, PCRE2_JIT_COMPLETE);  // where there is no JIT, pcre2_match interprets
}

PythonRegex::~PythonRegex() = default;
PythonRegex::PythonRegex(PythonRegex&&) noexcept = default;
PythonRegex& PythonRegex::operator=(PythonRegex&&) noexcept = default;

void PythonRegex::State::each_match(const std::string& text,
                                    const std::function<void(const PCRE2_SIZE*)>& visit) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(
      pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free);
  std::size_t start = 0;
  bool is_behind_empty = false;
  while (start <= text.size()) {
    const std::uint32_t flags = is_behind_empty ? PCRE2_NOTEMPTY_ATSTART | PCRE2_ANCHORED : 0;
    const int count = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start,
                                  PCRE2_NO_UTF_CHECK | flags, data.get(), nullptr);
    if (count == PCRE2_ERROR_NOMATCH) {
      if (!is_behind_empty) break;
      is_behind_empty = false;  // nothing more here: go on behind the next character
      ++start;
      while (start < text.size() && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) ++start;
      continue;
    }
    HOLDFAST_CHECK(kBadInput, count > 0, "[pattern] found a text of ", text.size(), " bytes on which '", pattern,
                   "' gives up (PCRE2 error ", count, "), expected a match; try a simpler pattern");
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
    visit(range);
    is_behind_empty = range[0] == range[1];
    start = range[1];
  }
}

std::vector<std::vector<std::string>> PythonRegex::find_all(std::string_view text) const {
  const std::string whole = repair_utf8(text);
  std::vector<std::vector<std::string>> found;
  state_->each_match(whole, [&](const PCRE2_SIZE* range) {
    std::vector<std::string>& groups = found.emplace_back();
    for (std::size_t i = state_->groups > 0 ? 1 : 0; i <= state_->groups; ++i)
      groups.push_back(range[2 * i] == PCRE2_UNSET ? "" : whole.substr(range[2 * i], range[2 * i + 1] - range[2 * i]));
  });
  return found;
}

std::string PythonRegex::replace_all(std::string_view text, std::string_view replacement) const {
  const std::string whole = repair_utf8(text);
  std::string out;
  std::size_t done = 0;
  state_->each_match(whole, [&](const PCRE2_SIZE* range) {
    out += whole.substr(done, range[0] - done);
    for (std::size_t i = 0; i < replacement.size(); ++i) {
      const bool is_group = replacement[i] == '\\' && i + 1 < replacement.size() && replacement[i + 1] >= '1' &&
                            replacement[i + 1] <= '9';
      if (!is_group) {
        out += replacement[i];
        continue;
      }
      const auto group = static_cast<std::size_t>(replacement[++i] - '0');
      HOLDFAST_CHECK(kBadInput, group <= state_->groups, "[pattern] found group ", group, " in the replacement of '",
                     state_->pattern, "', expected at most ", state_->groups);
      if (range[2 * group] != PCRE2_UNSET)
        out += whole.substr(range[2 * group], range[2 * group + 1] - range[2 * group]);
    }
    done = range[1];
  });
  return out + whole.substr(done);
}

}  // namespace holdfast::text
