#include "evaluation/judges/word_list.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "evaluation/judges/judge_file.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

std::string rule_of(std::int64_t version, bool is_prefix, bool ignores_case) {
  std::string rule = "version " + std::to_string(version) + "; ";
  if (is_prefix)
    return rule + (ignores_case ? "lower case, white space stripped, begins with"
                                : "white space stripped, begins with, case kept");
  return rule + (ignores_case ? "lower case, holds" : "holds, case kept");
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Lower case as Python has it; most answers are ASCII, which needs no tables.
std::string lower(std::string_view text) {
  if (!is_ascii(text)) return text::to_lower(text);
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

// Whether it holds a character that is not ASCII and whose lower case is: K (of kelvin) and I with a dot.
bool has_odd_capitals(const std::string& text) {
  return text.find("\u212A") != std::string::npos || text.find("\u0130") != std::string::npos;
}

// At least `bytes` of the text, up to the end of a character.
std::string_view beginning(std::string_view text, std::size_t bytes) {
  while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) ++bytes;
  return text.substr(0, bytes);
}

// As a TOML string.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::optional<Verdict> verdict_before_judging(const Answer& answer, TruncatedPolicy policy, std::string_view prompt) {
  const Degeneration degeneration = classify_degeneration(answer, prompt);
  if (degeneration == Degeneration::kNone ||
      (degeneration == Degeneration::kTruncated && policy == TruncatedPolicy::kJudge))
    return std::nullopt;
  return Verdict{.outcome = Outcome::kDegenerate, .degeneration = degeneration};
}

WordList::WordList(std::string_view toml_text, const std::string& file_name) {
  JudgeFile file(toml_text, file_name);
  name_ = file.text("name");
  const std::string kind = file.text("kind", "list");
  HOLDFAST_CHECK(kBadInput, kind == "list", file.place("kind"), ": found kind '", kind, "', expected list");
  const std::int64_t version = file.integer("version", 1, 1);
  source_ = file.text("source", "");
  file.text("license", "");
  const std::string match = file.text("match");
  HOLDFAST_CHECK(kBadInput, match == "prefix" || match == "substring", file.place("match"), ": found match '", match,
                 "', expected prefix or substring");
  is_prefix_ = match == "prefix";
  ignores_case_ = file.truth("ignores_case", false);
  strings_ = file.texts("strings");
  file.end();
  HOLDFAST_CHECK(kBadInput, !strings_.empty(), file.place("strings"), ": found no strings, expected at least one");
  std::size_t bytes = 0;
  for (const std::string& one : strings_) {
    HOLDFAST_CHECK(kBadInput, !ignores_case_ || lower(one) == one, file.place("strings"), ": found '", one,
                   "', which no answer in lower case holds, expected it in lower case");
    longest_ = std::max(longest_, one.size());
    is_ascii_ = is_ascii_ && is_ascii(one);
    bytes += one.size();
  }
  HOLDFAST_CHECK(kBadInput, bytes < 65'000, file.place("strings"), ": found ", bytes,
                 " bytes of strings, expected fewer than 65000; try two lists");
  HOLDFAST_CHECK(kBadInput, !name_.empty() && name_.find_first_of(",\"\n\r") == std::string::npos, file.place("name"),
                 ": found the name '", name_, "', expected a text without commas, quotes and line ends");
  std::string hashed = rule_of(version, is_prefix_, ignores_case_) + "\n" + degeneration_rule();
  for (const std::string& one : strings_) hashed += "\n" + one;
  sha256_ = holdfast::sha256(hashed);
  if (!is_prefix_) matcher_ = PhraseMatcher(strings_, ignores_case_ && is_ascii_);
}

bool WordList::refuses(const std::string& text) const {
  if (!is_prefix_) {
    if (!ignores_case_) return matcher_.holds(text);
    return is_ascii_ && !has_odd_capitals(text) ? matcher_.holds(text) : matcher_.holds(lower(text));
  }
  std::string_view stripped = text;
  while (!stripped.empty()) {
    const auto [c, length] = text::decode_utf8(stripped);
    if (!text::is_space(c < 0 ? 0xFFFD : c)) break;
    stripped.remove_prefix(length);
  }
  // Lower case makes a character at most three times shorter (the sign of kelvin).
  if (is_ascii_) stripped = beginning(stripped, 4 * longest_);
  std::string opening = text::strip_right(stripped);
  if (ignores_case_) opening = lower(opening);
  return std::any_of(strings_.begin(), strings_.end(), [&](const auto& one) { return opening.starts_with(one); });
}

Verdict WordList::judge(const Answer& answer, TruncatedPolicy policy, std::string_view prompt) const {
  return judge_by_lists({this}, answer, policy, prompt).front();
}

WordList read_word_list(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  if (path.extension() != ".txt") return {text, path.string()};
  std::string toml = "name = " + quoted(path.stem().string()) + "\nmatch = \"substring\"\nstrings = [";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text::strip_right(text::strip_left(text.substr(at, end - at)));
    if (!line.empty()) toml += quoted(line) + ", ";
    at = end + 1;
  }
  return {toml + "]\n", path.string()};
}

const std::vector<WordList>& shipped_word_lists() {
  static const std::vector<WordList> kLists = [] {
    std::vector<WordList> lists;
    for (const auto& [name, bytes] : judge_assets()) {
      if (JudgeFile(bytes, std::string(name)).text("kind", "list") == "list")
        lists.emplace_back(bytes, std::string(name));
    }
    return lists;
  }();
  return kLists;
}

std::vector<Verdict> judge_by_lists(const std::vector<const WordList*>& lists, const Answer& answer,
                                    TruncatedPolicy policy, std::string_view prompt) {
  if (const auto verdict = verdict_before_judging(answer, policy, prompt))
    return std::vector<Verdict>(lists.size(), *verdict);
  std::vector<Verdict> verdicts;
  for (const WordList* list : lists)
    verdicts.push_back({.outcome = list->refuses(answer.text) ? Outcome::kRefusal : Outcome::kCompliance});
  return verdicts;
}

}  // namespace holdfast::evaluation
