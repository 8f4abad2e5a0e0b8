#include "evaluation/ifeval_rules.h"

#include <algorithm>

#include "base/error.h"
#include "text/python_case.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace holdfast::evaluation::ifeval {
namespace {

using nlohmann::ordered_json;
using text::python_lower;
using text::Regex;

// White space as Python's re has it.
#define HOLDFAST_SPACE "[\\s\\x1c-\\x1f]"

Decision not_given(const char* name) {
  return undecided(std::string("the row gives no usable ") + name + ", and the reference draws one at random");
}

// Parameters are patterns to the reference, which few of them are meant to be.
std::optional<std::size_t> count_matches(const std::string& pattern, const std::string& text) {
  try {
    return Regex(pattern).find_all(text).size();
  } catch (const Error&) {
    return std::nullopt;
  }
}

Decision bad_pattern(const std::string& pattern) { return undecided("the pattern '" + pattern + "' cannot be read"); }

Decision compare(std::int64_t count, const Parameters& parameters, const char* number, const char* relation) {
  const auto threshold = parameters.number(number);
  const auto is_less = parameters.is_less_than(relation);
  if (!threshold) return not_given(number);
  if (!is_less) return not_given(relation);
  return decide(*is_less ? count < *threshold : count >= *threshold);
}

Decision existence(const Parameters& parameters, const std::string& answer) {
  const auto keywords = parameters.texts("keywords");
  if (keywords.empty()) return not_given("keywords");
  for (const std::string& keyword : keywords) {
    const auto count = count_matches("(?i:" + keyword + ")", answer);
    if (!count) return bad_pattern(keyword);
    if (*count == 0) return decide(false);
  }
  return decide(true);
}

Decision frequency(const Parameters& parameters, const std::string& answer) {
  const auto keyword = parameters.text("keyword");
  if (!keyword) return not_given("keyword");
  const auto count = count_matches("(?i:" + strip(*keyword) + ")", answer);
  if (!count) return bad_pattern(*keyword);
  return compare(static_cast<std::int64_t>(*count), parameters, "frequency", "relation");
}

Decision forbidden_words(const Parameters& parameters, const std::string& answer) {
  const auto words = parameters.texts("forbidden_words");
  if (words.empty()) return not_given("forbidden_words");
  for (const std::string& word : words) {
    const auto count = count_matches("(?i:\\b" + word + "\\b)", answer);
    if (!count) return bad_pattern(word);
    if (*count > 0) return decide(false);
  }
  return decide(true);
}

Decision letter_frequency(const Parameters& parameters, const std::string& answer) {
  const auto letter = parameters.text("letter");
  if (!letter || letter->size() != 1 || !((*letter >= "A" && *letter <= "Z") || (*letter >= "a" && *letter <= "z")))
    return not_given("letter");
  const std::string lower = python_lower(answer);
  const char wanted = python_lower(*letter)[0];
  return compare(std::count(lower.begin(), lower.end(), wanted), parameters, "let_frequency", "let_relation");
}

Decision number_sentences(const Parameters& parameters, const std::string& answer) {
  const auto count = count_sentences(answer);
  if (!count) return undecided("sentences whose number needs a table of abbreviations");
  return compare(*count, parameters, "num_sentences", "relation");
}

Decision number_paragraphs(const Parameters& parameters, const std::string& answer) {
  static const Regex kDivider(HOLDFAST_SPACE "?\\*\\*\\*" HOLDFAST_SPACE "?");
  const auto wanted = parameters.number("num_paragraphs");
  if (!wanted) return not_given("num_paragraphs");
  std::vector<std::string> paragraphs;
  std::size_t start = 0;
  for (const auto& [begin, end] : kDivider.find_all(answer)) {
    paragraphs.push_back(answer.substr(start, begin - start));
    start = end;
  }
  paragraphs.push_back(answer.substr(start));
  auto count = static_cast<std::int64_t>(paragraphs.size());
  for (std::size_t i = 0; i < paragraphs.size(); ++i) {
    if (!strip(paragraphs[i]).empty()) continue;
    if (i != 0 && i + 1 != paragraphs.size()) return decide(false);
    --count;
  }
  return decide(count == *wanted);
}

Decision number_words(const Parameters& parameters, const std::string& answer) {
  // nltk took Python's \w up to 3.9, to which the marks of Indic and other scripts part words, and Unicode's since.
  const Decision early = compare(count_words(answer, false), parameters, "num_words", "relation");
  const Decision late = compare(count_words(answer, true), parameters, "num_words", "relation");
  return early.followed == late.followed ? early : undecided("words that the versions of nltk count differently");
}

Decision nth_paragraph_first_word(const Parameters& parameters, const std::string& answer) {
  const auto wanted = parameters.number("num_paragraphs"), nth = parameters.number("nth_paragraph");
  const auto first_word = parameters.text("first_word");
  if (!wanted) return not_given("num_paragraphs");
  if (!nth || *nth > *wanted) return not_given("nth_paragraph");
  if (!first_word) return not_given("first_word");
  const auto paragraphs = split_at(answer, "\n\n");
  const auto count = std::count_if(paragraphs.begin(), paragraphs.end(),
                                   [](const std::string& paragraph) { return !strip(paragraph).empty(); });
  if (*nth > count) return decide(false);
  const std::string paragraph = strip(paragraphs[static_cast<std::size_t>(*nth - 1)]);
  if (paragraph.empty()) return decide(false);
  std::string word;
  for (const std::int32_t c : text::code_points(paragraph)) {
    if (text::is_space(c)) break;
    text::append_utf8(word, c);
  }
  word = strip_characters(strip_characters(word, '\'', true, false), '"', true, false);
  word.resize(std::min(word.find_first_of(".,?!'\""), word.size()));
  std::string lower;
  for (const std::int32_t c : text::code_points(word)) lower += python_lower(text::to_utf8({c}));
  return decide(count == *wanted && lower == python_lower(*first_word));
}

Decision number_placeholders(const Parameters& parameters, const std::string& answer) {
  static const Regex kPlaceholder("\\[[^\\n]*?\\]");
  const auto wanted = parameters.number("num_placeholders");
  if (!wanted) return not_given("num_placeholders");
  return decide(static_cast<std::int64_t>(kPlaceholder.find_all(answer).size()) >= *wanted);
}

Decision postscript(const Parameters& parameters, const std::string& answer) {
  const auto marker = parameters.text("postscript_marker");
  if (!marker) return not_given("postscript_marker");
  const std::string name = strip(*marker);
  const std::string pattern = name == "P.P.S"  ? "p\\." HOLDFAST_SPACE "?p\\." HOLDFAST_SPACE "?s"
                              : name == "P.S." ? "p\\." HOLDFAST_SPACE "?s\\."
                                               : python_lower(name);
  const auto count = count_matches(pattern, python_lower(answer));
  return count ? decide(*count > 0) : bad_pattern(name);
}

// Lines whose first mark, over any white space before it, is `mark`; with `is_single` another character must follow.
std::int64_t count_bullets(std::string_view text, char mark, bool is_single) {
  std::int64_t count = 0;
  for (std::size_t line = 0; line < text.size();) {
    std::size_t at = line + text.substr(line).size() - text::strip_left(text.substr(line)).size();
    const bool is_bullet =
        at < text.size() && text[at] == mark && (!is_single || (at + 1 < text.size() && text[at + 1] != mark));
    if (is_bullet) ++count;
    const std::size_t end = text.find('\n', is_bullet ? at + (is_single ? 2 : 1) : line);
    if (end == std::string_view::npos) break;
    line = end + 1;
  }
  return count;
}

Decision number_bullet_lists(const Parameters& parameters, const std::string& answer) {
  const auto wanted = parameters.number("num_bullets");
  if (!wanted) return not_given("num_bullets");
  return decide(count_bullets(answer, '*', true) + count_bullets(answer, '-', false) == *wanted);
}

Decision constrained_response(const Parameters&, const std::string& answer) {
  for (const char* option : {"My answer is yes.", "My answer is no.", "My answer is maybe."}) {
    if (answer.find(option) != std::string::npos) return decide(true);
  }
  return decide(false);
}

Decision number_highlighted_sections(const Parameters& parameters, const std::string& answer) {
  static const Regex kSingle("\\*[^\\n\\*]*\\*"), kDouble("\\*\\*[^\\n\\*]*\\*\\*");
  const auto wanted = parameters.number("num_highlights");
  if (!wanted) return not_given("num_highlights");
  std::int64_t count = 0;
  for (const Regex* regex : {&kSingle, &kDouble}) {
    for (const auto& [begin, end] : regex->find_all(answer))
      count += !strip(strip_characters(std::string_view(answer).substr(begin, end - begin), '*')).empty();
  }
  return decide(count >= *wanted);
}

Decision multiple_sections(const Parameters& parameters, const std::string& answer) {
  const auto splitter = parameters.text("section_spliter");
  const auto wanted = parameters.number("num_sections");
  if (!splitter) return not_given("section_spliter");
  if (!wanted) return not_given("num_sections");
  const std::string pattern = HOLDFAST_SPACE "?" + strip(*splitter) + HOLDFAST_SPACE "?\\p{Nd}+" HOLDFAST_SPACE "?";
  const auto count = count_matches(pattern, answer);
  return count ? decide(static_cast<std::int64_t>(*count) >= *wanted) : bad_pattern(*splitter);
}

Decision json_format(const Parameters&, const std::string& answer) {
  std::string value = strip(answer);
  for (const std::string_view start : {"```json", "```Json", "```JSON", "```"}) {
    if (value.starts_with(start)) value.erase(0, start.size());
  }
  if (value.ends_with("```")) value.resize(value.size() - 3);
  return decide(is_python_json(strip(value)));
}

Decision title(const Parameters&, const std::string& answer) {
  static const Regex kTitle("<<[^\\n]+>>");
  for (const auto& [begin, end] : kTitle.find_all(answer)) {
    const std::string left = strip_characters(std::string_view(answer).substr(begin, end - begin), '<', true, false);
    if (!strip(strip_characters(left, '>', false, true)).empty()) return decide(true);
  }
  return decide(false);
}

Decision two_responses(const Parameters&, const std::string& answer) {
  const auto parts = split_at(answer, "******");
  std::vector<std::string> responses;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string part = strip(parts[i]);
    if (!part.empty())
      responses.push_back(part);
    else if (i != 0 && i + 1 != parts.size())
      return decide(false);
  }
  return decide(responses.size() == 2 && responses[0] != responses[1]);
}

Decision repeat_prompt(const Parameters& parameters, const std::string& answer) {
  const auto prompt = parameters.text("prompt_to_repeat");
  if (!prompt) return undecided("the row gives no prompt_to_repeat");
  return decide(python_lower(strip(answer)).starts_with(python_lower(strip(*prompt))));
}

Decision end_checker(const Parameters& parameters, const std::string& answer) {
  const auto phrase = parameters.text("end_phrase");
  if (!phrase) return not_given("end_phrase");
  return decide(python_lower(strip_characters(strip(answer), '"')).ends_with(python_lower(strip(*phrase))));
}

Decision capital_word_frequency(const Parameters& parameters, const std::string& answer) {
  const auto count = count_capital_words(answer);
  if (!count) return undecided("words in capitals that need nltk's tokenizer");
  return compare(*count, parameters, "capital_frequency", "capital_relation");
}

Decision no_comma(const Parameters&, const std::string& answer) {
  return decide(answer.find(',') == std::string::npos);
}

Decision quotation(const Parameters&, const std::string& answer) {
  const std::string value = strip(answer);
  return decide(value.size() > 1 && value.front() == '"' && value.back() == '"');
}

}  // namespace

std::optional<std::string> Parameters::text(const char* name) const {
  if (!kwargs_.is_object() || !kwargs_.contains(name) || !kwargs_[name].is_string()) return std::nullopt;
  std::string value = kwargs_[name].get<std::string>();
  return value.empty() ? std::nullopt : std::optional(std::move(value));
}

std::optional<std::int64_t> Parameters::number(const char* name) const {
  if (!kwargs_.is_object() || !kwargs_.contains(name) || !kwargs_[name].is_number()) return std::nullopt;
  const double value = kwargs_[name].get<double>();
  return value >= 1 && value < 1e9 ? std::optional(static_cast<std::int64_t>(value)) : std::nullopt;
}

std::vector<std::string> Parameters::texts(const char* name) const {
  std::vector<std::string> values;
  if (!kwargs_.is_object() || !kwargs_.contains(name) || !kwargs_[name].is_array()) return values;
  for (const auto& value : kwargs_[name]) {
    if (value.is_string()) values.push_back(value.get<std::string>());
  }
  return values;
}

std::optional<bool> Parameters::is_less_than(const char* name) const {
  const auto relation = text(name);
  if (relation == "less than") return true;
  return relation == "at least" ? std::optional(false) : std::nullopt;
}

const std::vector<NamedRule> kRules = {
    {"keywords:existence", existence},
    {"keywords:frequency", frequency},
    {"keywords:forbidden_words", forbidden_words},
    {"keywords:letter_frequency", letter_frequency},
    {"language:response_language", language_rule},
    {"length_constraints:number_sentences", number_sentences},
    {"length_constraints:number_paragraphs", number_paragraphs},
    {"length_constraints:number_words", number_words},
    {"length_constraints:nth_paragraph_first_word", nth_paragraph_first_word},
    {"detectable_content:number_placeholders", number_placeholders},
    {"detectable_content:postscript", postscript},
    {"detectable_format:number_bullet_lists", number_bullet_lists},
    {"detectable_format:constrained_response", constrained_response},
    {"detectable_format:number_highlighted_sections", number_highlighted_sections},
    {"detectable_format:multiple_sections", multiple_sections},
    {"detectable_format:json_format", json_format},
    {"detectable_format:title", title},
    {"combination:two_responses", two_responses},
    {"combination:repeat_prompt", repeat_prompt},
    {"startend:end_checker", end_checker},
    {"startend:quotation", quotation},
    {"change_case:capital_word_frequency", capital_word_frequency},
    {"change_case:english_capital", english_capital_rule},
    {"change_case:english_lowercase", english_lowercase_rule},
    {"punctuation:no_comma", no_comma},
};

}  // namespace holdfast::evaluation::ifeval
