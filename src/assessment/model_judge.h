// A local model as judge, through a template, on this program's own engine.
//
// Invariant: a verdict depends on question, answer, template and model alone, not on what is judged beside it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "assessment/judge_plan.h"
#include "evaluation/judges/answer_judge.h"
#include "evaluation/judges/judge_template.h"
#include "generation/prefix_tree.h"
#include "model/decoder.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace holdfast::assessment {

class ModelJudge : public evaluation::AnswerJudge {
 public:
  // Loads the model.  Throws Error for what is wrong with it, or where the template asks for a chat template or for
  // score tokens that it does not have.  `cache`: model/decoder.h.
  explicit ModelJudge(const JudgePlan& plan, const std::filesystem::path& cache = {});

  std::vector<evaluation::Judgement> judge(std::span<const evaluation::Question> questions) override;

  // What the model sees for a question: the template with the answer cut to so many of the model's own tokens.
  std::vector<text::TokenId> prompt_ids(const evaluation::Question& question) const;

  std::int64_t tokens_read() const { return tokens_read_; }  // and written, since it was loaded

 private:
  // The answer as the template has it cut, and what of the tokenizer's own tokens stands in front of it.
  std::pair<std::string, std::string> clipped(const std::string& answer) const;

  evaluation::JudgeTemplate template_;
  text::Tokenizer tokenizer_;
  std::optional<text::ChatTemplate> chat_;
  std::unique_ptr<model::Decoder> decoder_;
  std::unique_ptr<generation::PrefixTree> tree_;
  std::vector<text::TokenId> score_ids_;
  std::int64_t tokens_read_ = 0;
};

}  // namespace holdfast::assessment
