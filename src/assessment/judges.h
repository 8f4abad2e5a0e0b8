// The judges of a run by name: the shipped lists, and those that the plan adds.
#pragma once

#include <string>
#include <vector>

#include "assessment/judge_plan.h"
#include "base/digests.h"
#include "evaluation/judges/answer_judge.h"

namespace holdfast::assessment {

class Judges {
 public:
  Judges() = default;
  // Reads lists and templates.  Throws Error(kBadInput) for files that cannot be read, or a name given twice.
  explicit Judges(std::vector<JudgePlan> plans);

  // Null where the judge is no list, and looks at answers when all are there.
  const evaluation::WordList* list(const std::string& name) const;
  // Null for a shipped list.
  const JudgePlan* plan(const std::string& name) const;
  // Throws Error(kBadInput) for a name that is neither shipped nor planned.
  void check(const std::string& name) const;
  // Of all that decides a verdict: rule and strings; or template, and weights and tokenizer, or endpoint's model.
  std::string sha256(const std::string& name, Digests& digests) const;

 private:
  std::vector<JudgePlan> plans_;
  std::vector<evaluation::WordList> lists_;
};

}  // namespace holdfast::assessment
