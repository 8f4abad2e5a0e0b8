#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/error.h"
#include "text/regex_syntax.h"
#include "text/unicode.h"
#include "text/unicode_tables.h"

namespace holdfast::text {

struct Regex::State {
  pcre2_code* code = nullptr;
  std::vector<CodePointRange> ranges;  // of characters that the pattern itself names, alone or as "a-z"
  ~State() { pcre2_code_free(code); }
};

namespace {

// What the translated pattern names beyond ASCII.  Inside or outside of brackets: outside "a-z" is no range, but then
// no harm is done by taking it for one.
std::vector<CodePointRange> named_ranges(const std::string& pattern) {
  std::vector<std::int32_t> points;
  for (std::string_view rest = pattern; !rest.empty();) {
    if (rest.starts_with("\\x{")) {
      points.push_back(static_cast<std::int32_t>(std::strtol(rest.data() + 3, nullptr, 16)));
      rest.remove_prefix(std::min(rest.find('}'), rest.size() - 1) + 1);
    } else {
      const auto [c, length] = decode_utf8(rest);
      points.push_back(c);
      rest.remove_prefix(length);
    }
  }
  std::vector<CodePointRange> ranges;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const bool is_range = i + 2 < points.size() && points[i + 1] == '-' && points[i + 2] >= points[i];
    const std::int32_t last = is_range ? points[i + 2] : points[i];
    if (last >= 0x80) ranges.push_back({points[i], last});
  }
  return ranges;
}

// True when the pattern names both characters by the same ranges, or neither.
bool is_alike(const std::vector<CodePointRange>& ranges, std::int32_t a, std::int32_t b) {
  return std::all_of(ranges.begin(), ranges.end(), [&](const CodePointRange& range) {
    return (range.first <= a && a <= range.last) == (range.first <= b && b <= range.last);
  });
}

// The text with stand-ins for those characters of which PCRE2 thinks otherwise than Oniguruma, byte for byte as long;
// nothing when there are none.
std::optional<std::string> with_stand_ins(std::string_view text, const std::vector<CodePointRange>& ranges) {
  std::optional<std::string> changed;
  for (std::size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const auto [c, length] = decode_utf8(text.substr(i));
    const StandIn* found = find_range(kStandIns, c);
    if (found != nullptr && is_alike(ranges, c, found->stand_in)) {
      if (!changed) changed = text;
      changed->replace(i, length, to_utf8({found->stand_in}));
    }
    i += length;
  }
  return changed;
}

// How much going back a whole search may cost.  PCRE2 bounds one match alone; a pattern that costs nearly that much at
// every place of a long text would never end.  So each match begins with a small bound, and only what a larger one
// costs is taken from what there is: some for the search, and some for each byte.
class Effort {
 public:
  explicit Effort(std::size_t text_size) : left_(50'000'000 + 200 * text_size) {}
  ~Effort() { pcre2_match_context_free(context_); }
  Effort(const Effort&) = delete;

  int match(const pcre2_code* code, std::string_view text, std::size_t start, pcre2_match_data* data) {
    const auto attempt = [&](pcre2_match_context* context) {
      return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start, PCRE2_NO_UTF_CHECK, data,
                         context);
    };
    int count = attempt(small());
    for (std::uint32_t limit = 10 * kSmall; count == PCRE2_ERROR_MATCHLIMIT && limit <= left_ && limit <= kMost;
         limit *= 10) {
      left_ -= limit;
      if (context_ == nullptr) context_ = pcre2_match_context_create(nullptr);
      pcre2_set_match_limit(context_, limit);
      count = attempt(context_);
    }
    return count;
  }

 private:
  static constexpr std::uint32_t kSmall = 1'000, kMost = 100'000'000;
  static pcre2_match_context* small() {
    static pcre2_match_context* const kContext = [] {
      pcre2_match_context* context = pcre2_match_context_create(nullptr);
      pcre2_set_match_limit(context, kSmall);
      return context;
    }();
    return kContext;
  }
  std::uint64_t left_;
  pcre2_match_context* context_ = nullptr;
};

}  // namespace

Regex::Regex(const std::string& pattern) : state_(std::make_unique<State>()) {
  const std::string translated = to_pcre2_syntax(pattern);
  state_->ranges = named_ranges(translated);
  const std::unique_ptr<pcre2_compile_context, void (*)(pcre2_compile_context*)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_bsr(context.get(), PCRE2_BSR_UNICODE);
  int error = 0;
  PCRE2_SIZE place = 0;
  // In Oniguruma ^ and $ always match at lines.
  const auto options = PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | PCRE2_MULTILINE;
  state_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), options, &error,
                               &place, context.get());
  if (state_->code == nullptr) {
    char message[128] = {};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof message);
    fail(ErrorKind::kBadFile, "[tokenizer] found the pattern '", pattern, "', expected a regular expression (", message,
         " at byte ", place, " of '", translated, "')");
  }
  pcre2_jit_compile(state_->code, PCRE2_JIT_COMPLETE);  // where there is no JIT, pcre2_match interprets
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::vector<std::pair<std::size_t, std::size_t>> Regex::find_all(std::string_view text) const {
  const auto changed = with_stand_ins(text, state_->ranges);
  if (changed) text = *changed;
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(
      pcre2_match_data_create_from_pattern(state_->code, nullptr), pcre2_match_data_free);
  std::vector<std::pair<std::size_t, std::size_t>> matches;
  Effort effort(text.size());
  std::optional<std::size_t> last_end;
  std::size_t start = 0;
  while (start <= text.size()) {
    const int count = effort.match(state_->code, text, start, data.get());
    if (count == PCRE2_ERROR_NOMATCH) break;
    HOLDFAST_CHECK(kBadInput, count > 0, "[tokenizer] found a text of ", text.size(),
                   " bytes on which the pre-tokenizer's pattern gives up (PCRE2 error ", count,
                   "), expected a match; try shorter text");
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
    if (range[0] >= range[1] &&
        last_end == range[1]) {  // nothing again where we stand: go on behind the next character
      ++start;
      while (start < text.size() && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) ++start;
      continue;
    }
    matches.emplace_back(std::min(range[0], range[1]), range[1]);
    start = range[1];
    last_end = range[1];
  }
  return matches;
}

}  // namespace holdfast::text
