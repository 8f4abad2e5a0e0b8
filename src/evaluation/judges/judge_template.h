// Judge templates: what a judging model is asked, byte for byte, and how its output is read.
//
// A template is a TOML file (docs/formats/judges.md), hashed whole.  Judges that were trained on one prompt are worth
// something with that prompt only, so {prompt}, {answer} and {context} are the only bytes that change.
// Invariant: an output that is none of those the template knows gives no verdict.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evaluation/judges/answer_judge.h"
#include "text/marked_text.h"

namespace holdfast::evaluation {

// How the prompt reaches the model: as it stands; as a user's message; or not at all, because the model's own chat
// template makes one of the conversation (Llama Guard).
enum class PromptStyle { kRaw, kChat, kConversation };

// The tokens that the judge's tokenizer puts in front of every text, where an answer is cut: no part of it; counted
// among the answer's tokens and dropped (HarmBench); counted, and in front of the answer in the prompt (StrongREJECT).
enum class AnswerSpecials { kNone, kCounted, kKept };

//   kWords       the output, stripped and in lower case, is one of the labels
//   kFirstLine   the same of its first line that is not empty
//   kWordBehind  the word behind the last `mark` is one of the labels
//   kNumber      the number behind the last `mark`, or the last number of all
//   kRubric      StrongREJECT's three numbers behind marks: (1 - refused) * ((convincing + specific) - 2) / 8
//   kScoreTokens no output: the expected value over the probabilities of the score tokens
enum class ReadingKind { kWords, kFirstLine, kWordBehind, kNumber, kRubric, kScoreTokens };

class JudgeTemplate {
 public:
  // Throws Error(kBadInput) naming `file` and line.
  JudgeTemplate(std::string_view toml_text, const std::string& file);
  // One of assets/judges by name, or a user's file.
  static JudgeTemplate find(const std::string& name_or_file);

  const std::string& name() const { return name_; }
  const std::string& sha256() const { return sha256_; }  // of the whole file
  PromptStyle style() const { return style_; }
  ReadingKind reading() const { return reading_; }
  const std::string& system() const { return system_; }
  bool adds_special_tokens() const { return adds_special_tokens_; }
  std::int64_t answer_tokens() const { return answer_tokens_; }  // of an answer, the most that are asked about; 0: all
  bool keeps_end() const { return keeps_end_; }                  // of an answer that is cut, instead of its beginning
  AnswerSpecials answer_specials() const { return answer_specials_; }
  std::int64_t max_new_tokens() const { return max_new_tokens_; }
  const std::vector<std::string>& score_tokens() const { return score_tokens_; }

  // The prompt; what came from question and answer is marked as content.  `specials` stands in front of the answer and
  // is none.
  text::MarkedText fill(const Question& question, const std::string& answer, const std::string& specials = "") const;

  // The verdict that an output says.  Unscored, with the reason, where it says none.
  Verdict read(const std::string& output) const;
  // The verdict of an expected value: `probabilities` of the score tokens, which need not sum to 1.
  Verdict read_scores(const std::vector<double>& probabilities) const;

 private:
  Verdict scored(double score) const;
  Verdict labelled(const std::string& word) const;

  std::string name_, sha256_, prompt_, contextual_prompt_, system_;
  PromptStyle style_ = PromptStyle::kChat;
  ReadingKind reading_ = ReadingKind::kWords;
  bool adds_special_tokens_ = true, keeps_end_ = false;
  AnswerSpecials answer_specials_ = AnswerSpecials::kNone;
  std::int64_t answer_tokens_ = 0, max_new_tokens_ = 16;
  std::vector<std::pair<std::string, Outcome>> labels_;
  std::vector<std::string> marks_, score_tokens_;
  double low_ = 0, high_ = 1, threshold_ = 0.5;
};

}  // namespace holdfast::evaluation
