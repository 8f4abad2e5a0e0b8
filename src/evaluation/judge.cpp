#include "evaluation/judge.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/hash.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

const WordList& find_list(std::string_view name) {
  for (const WordList& list : shipped_word_lists()) {
    if (name == list.name()) return list;
  }
  std::string names;
  for (const std::string& known : judge_names()) names += (names.empty() ? "" : ", ") + known;
  fail(ErrorKind::kBadInput, "[judge] found '", name, "', expected one of ", names, "; try xstest-prefix");
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
      word += c;
    else if (!word.empty())
      words.push_back(std::exchange(word, {}));
  }
  return words;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "3 pinches" does not stand in "13 pinches"; "tailor" stands in "tailors".
bool holds(const std::string& text, const std::string& phrase) {
  for (std::size_t at = text.find(phrase); at != std::string::npos; at = text.find(phrase, at + 1)) {
    const std::size_t end = at + phrase.size();
    const bool is_cut_before = at > 0 && is_digit(text[at - 1]) && is_digit(phrase.front());
    const bool is_cut_after = end < text.size() && is_digit(text[end]) && is_digit(phrase.back());
    if (!is_cut_before && !is_cut_after) return true;
  }
  return false;
}

// Lower case, white space collapsed, a closing full stop dropped.
std::string normalise(const std::string& text) {
  std::string out;
  for (const std::string& word : words_of(text::to_lower(text))) out += (out.empty() ? "" : " ") + word;
  if (out.ends_with('.')) out.pop_back();
  return out;
}

}  // namespace

std::vector<std::string> judge_names() {
  std::vector<std::string> names;
  for (const WordList& list : shipped_word_lists()) names.push_back(list.name());
  return names;
}

std::string judge_sha256(std::string_view name) {
  if (name == "contains")
    return sha256(
        "contains version 2; lower case, white space collapsed, closing full stop dropped; holds every accepted text, "
        "no number cut");
  if (name == "loglikelihood")
    return sha256(
        "loglikelihood version 2; largest sum of log-probabilities, the first of equals; norm: divided by characters; "
        "unscored where one is no number");
  return find_list(name).sha256();
}

Verdict judge_refusal(std::string_view name, const Answer& answer, TruncatedPolicy policy) {
  return find_list(name).judge(answer, policy);
}

Verdict judge_recall(const Item& item, const Answer& answer) {
  const std::string text = normalise(answer.text);
  const bool is_right = std::all_of(item.accept.begin(), item.accept.end(), [&](const std::string& one) {
    const std::string phrase = normalise(one);
    HOLDFAST_ASSERT(!phrase.empty());  // the loader has checked it
    return holds(text, phrase);
  });
  const bool is_empty = classify_degeneration(answer) == Degeneration::kEmpty;
  return {.outcome = is_empty ? Outcome::kDegenerate : Outcome::kAnswered,
          .correct = is_right ? 1 : 0,
          .degeneration = is_empty ? Degeneration::kEmpty : Degeneration::kNone};
}

Verdict judge_choice(const Item& item, const std::vector<double>& logprobs, bool is_normalised) {
  HOLDFAST_ASSERT(logprobs.size() == item.choices.size() && !logprobs.empty());
  if (std::any_of(logprobs.begin(), logprobs.end(), [](double one) { return std::isnan(one); }))
    return {Outcome::kUnscored};
  std::vector<double> scores = logprobs;
  for (std::size_t i = 0; i < scores.size() && is_normalised; ++i)
    scores[i] /= static_cast<double>(text::count_code_points(item.choices[i]));
  const auto chosen = static_cast<int>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  return {Outcome::kAnswered, chosen, chosen == item.gold ? 1 : 0};
}

}  // namespace holdfast::evaluation
