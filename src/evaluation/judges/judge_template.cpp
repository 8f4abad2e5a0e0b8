#include "evaluation/judges/judge_template.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "evaluation/judges/judge_file.h"

namespace holdfast::evaluation {
namespace {

template <typename Kind>
Kind choose(JudgeFile& file, const char* key, const std::string& word,
            const std::vector<std::pair<const char*, Kind>>& words) {
  std::string known;
  for (const auto& [one, kind] : words) {
    if (word == one) return kind;
    known += (known.empty() ? "" : ", ") + std::string(one);
  }
  fail(ErrorKind::kBadInput, file.place(key), ": found ", key, " = '", word, "', expected one of ", known);
}

}  // namespace

JudgeTemplate::JudgeTemplate(std::string_view toml_text, const std::string& file_name) {
  JudgeFile file(toml_text, file_name);
  sha256_ = holdfast::sha256(toml_text);
  name_ = file.text("name");
  const std::string kind = file.text("kind");
  HOLDFAST_CHECK(kBadInput, kind == "template", file.place("kind"), ": found kind '", kind, "', expected template");
  file.integer("version", 1, 1);
  for (const char* fact : {"source", "license", "model"}) file.text(fact, "");
  style_ = choose<PromptStyle>(
      file, "style", file.text("style"),
      {{"raw", PromptStyle::kRaw}, {"chat", PromptStyle::kChat}, {"conversation", PromptStyle::kConversation}});
  if (style_ != PromptStyle::kConversation) {
    prompt_ = file.text("prompt");
    contextual_prompt_ = file.text("prompt_contextual", prompt_);
    HOLDFAST_CHECK(kBadInput, prompt_.find("{answer}") != std::string::npos, file.place("prompt"),
                   ": found no {answer}, expected it where the answer stands");
  }
  system_ = style_ == PromptStyle::kChat ? file.text("system", "") : "";
  adds_special_tokens_ = style_ != PromptStyle::kRaw || file.truth("adds_special_tokens", true);
  answer_tokens_ = file.integer("answer_tokens", 0, 0);
  if (answer_tokens_ > 0) {
    keeps_end_ = choose<bool>(file, "answer_keeps", file.text("answer_keeps", "beginning"),
                              {{"beginning", false}, {"end", true}});
    answer_specials_ = choose<AnswerSpecials>(
        file, "answer_specials", file.text("answer_specials", "none"),
        {{"none", AnswerSpecials::kNone}, {"counted", AnswerSpecials::kCounted}, {"kept", AnswerSpecials::kKept}});
    HOLDFAST_CHECK(kBadInput, answer_specials_ != AnswerSpecials::kKept || style_ == PromptStyle::kRaw,
                   file.place("answer_specials"),
                   ": found answer_specials = 'kept' in a prompt that is no raw one, "
                   "expected style = \"raw\"");
  }
  max_new_tokens_ = file.integer("max_new_tokens", 16, 1);
  reading_ = choose<ReadingKind>(file, "read", file.text("read"),
                                 {{"words", ReadingKind::kWords},
                                  {"first-line", ReadingKind::kFirstLine},
                                  {"word-behind", ReadingKind::kWordBehind},
                                  {"number", ReadingKind::kNumber},
                                  {"rubric", ReadingKind::kRubric},
                                  {"score-tokens", ReadingKind::kScoreTokens}});
  if (reading_ == ReadingKind::kWords || reading_ == ReadingKind::kFirstLine || reading_ == ReadingKind::kWordBehind) {
    for (const auto& [word, outcome] : file.table("labels"))
      labels_.emplace_back(word,
                           choose<Outcome>(file, "labels", outcome,
                                           {{"refusal", Outcome::kRefusal}, {"compliance", Outcome::kCompliance}}));
    HOLDFAST_CHECK(kBadInput, !labels_.empty(), file.place("labels"),
                   ": found no labels, expected [labels] word = \"refusal\" or \"compliance\"");
  } else {
    threshold_ = file.number("threshold", 0.5, 0);
  }
  if (reading_ == ReadingKind::kScoreTokens) {
    score_tokens_ = file.texts("score_tokens");
    HOLDFAST_CHECK(kBadInput, score_tokens_.size() >= 2, file.place("score_tokens"),
                   ": found fewer than two score_tokens, expected them from the least to the most harmful");
  }
  if (reading_ == ReadingKind::kNumber || reading_ == ReadingKind::kRubric || reading_ == ReadingKind::kWordBehind) {
    marks_ = file.texts("marks");
    const std::size_t least = reading_ == ReadingKind::kRubric ? 3 : reading_ == ReadingKind::kWordBehind ? 1 : 0;
    const std::size_t most = reading_ == ReadingKind::kRubric ? 3 : 1;
    HOLDFAST_CHECK(kBadInput, marks_.size() >= least && marks_.size() <= most, file.place("marks"), ": found ",
                   marks_.size(), " marks, expected ", most);
  }
  if (reading_ == ReadingKind::kNumber) {
    low_ = file.number("low", 0, -1e9);
    high_ = file.number("high", 1, -1e9);
    HOLDFAST_CHECK(kBadInput, low_ < high_, file.place("high"), ": found low ", low_, " and high ", high_,
                   ", expected low below high");
  }
  file.end();
}

JudgeTemplate JudgeTemplate::find(const std::string& name_or_file) {
  std::string names;
  for (const auto& [file, bytes] : judge_assets()) {
    JudgeFile asset(bytes, std::string(file));
    if (asset.text("kind") != "template") continue;
    const std::string name = asset.text("name");
    if (name == name_or_file) return JudgeTemplate(bytes, std::string(file));
    names += (names.empty() ? "" : ", ") + name;
  }
  HOLDFAST_CHECK(kBadInput, std::filesystem::is_regular_file(name_or_file), "[judge] found the template '",
                 name_or_file, "', expected a file or one of ", names);
  return JudgeTemplate(read_file(name_or_file), name_or_file);
}

text::MarkedText JudgeTemplate::fill(const Question& question, const std::string& answer,
                                     const std::string& specials) const {
  const std::string& prompt = question.context.empty() ? prompt_ : contextual_prompt_;
  text::MarkedText filled;
  std::size_t done = 0;
  // From left to right, once: what a question or an answer holds is never taken for a field.
  for (std::size_t at = prompt.find('{'); at != std::string::npos; at = prompt.find('{', at + 1)) {
    for (const auto& [field, value] :
         {std::pair<std::string_view, const std::string&>{"{prompt}", question.prompt},
          std::pair<std::string_view, const std::string&>{"{answer}", answer},
          std::pair<std::string_view, const std::string&>{"{context}", question.context}}) {
      if (std::string_view(prompt).substr(at, field.size()) != field) continue;
      filled.append(std::string_view(prompt).substr(done, at - done));
      if (field == "{answer}") filled.append(specials);
      filled.append(value, true);
      done = at + field.size();
      at = done - 1;
      break;
    }
  }
  filled.append(std::string_view(prompt).substr(done));
  return filled;
}

Verdict JudgeTemplate::scored(double score) const {
  return {.outcome = score >= threshold_ ? Outcome::kCompliance : Outcome::kRefusal, .score = score};
}

Verdict JudgeTemplate::labelled(const std::string& word) const {
  for (const auto& [label, outcome] : labels_) {
    if (word == label) return {.outcome = outcome, .score = outcome == Outcome::kCompliance ? 1.0 : 0.0};
  }
  return {.failure = Failure::kUnreadable};
}

Verdict JudgeTemplate::read_scores(const std::vector<double>& probabilities) const {
  HOLDFAST_ASSERT(probabilities.size() == score_tokens_.size());
  double sum = 0, expected = 0;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    sum += probabilities[i];
    expected += probabilities[i] * static_cast<double>(i) / static_cast<double>(probabilities.size() - 1);
  }
  if (!(sum > 0) || !std::isfinite(expected)) return {.failure = Failure::kUnreadable};
  return scored(expected / sum);
}

}  // namespace holdfast::evaluation
