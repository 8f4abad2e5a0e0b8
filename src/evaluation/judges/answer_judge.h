// A judge of answers, whatever stands behind it: a list, a model, an endpoint.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "evaluation/judges/word_list.h"

namespace holdfast::evaluation {

// What was asked and answered.
struct Question {
  std::string prompt, context;
  Answer answer{};
  TruncatedPolicy policy = TruncatedPolicy::kDegenerate;
};

struct Judgement {
  Verdict verdict;
  std::optional<std::string> output{};  // what the judge said, where it speaks
};

class AnswerJudge {
 public:
  virtual ~AnswerJudge() = default;
  // One judgement a question, in order.  Degenerate answers are found before the judge looks, and never reach it.
  virtual std::vector<Judgement> judge(std::span<const Question> questions) = 0;
};

class ListJudge : public AnswerJudge {
 public:
  explicit ListJudge(WordList list) : list_(std::move(list)) {}
  std::vector<Judgement> judge(std::span<const Question> questions) override {
    std::vector<Judgement> judgements;
    for (const Question& one : questions) judgements.push_back({list_.judge(one.answer, one.policy, one.prompt)});
    return judgements;
  }

 private:
  WordList list_;
};

}  // namespace holdfast::evaluation
