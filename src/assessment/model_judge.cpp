#include "assessment/model_judge.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "generation/generator.h"
#include "generation/scorer.h"

namespace holdfast::assessment {

using evaluation::AnswerSpecials;
using evaluation::Failure;
using evaluation::Judgement;
using evaluation::PromptStyle;
using evaluation::Question;
using evaluation::ReadingKind;
using nlohmann::ordered_json;
using text::TokenId;

ModelJudge::ModelJudge(const JudgePlan& plan, const std::filesystem::path& cache)
    : template_(evaluation::JudgeTemplate::find(plan.judge_template)),
      tokenizer_(text::Tokenizer::from_directory(plan.path)) {
  if (template_.style() != PromptStyle::kRaw) chat_.emplace(text::ChatTemplate::from_directory(plan.path));
  for (const std::string& token : template_.score_tokens()) {
    const auto id = tokenizer_.token_to_id(token);
    HOLDFAST_CHECK(kBadInput, id.has_value(), "[judge] ", plan.path, ": found no token '", token,
                   "', expected the score tokens of ", template_.name(), "; is it the template of this model?");
    score_ids_.push_back(*id);
  }
  decoder_ = std::make_unique<model::Decoder>(
      model::Decoder::load(plan.path, model::parse_precision(plan.precision), {.cache = cache}));
  decoder_->write_cache();
  tree_ = std::make_unique<generation::PrefixTree>(*decoder_);
}

std::pair<std::string, std::string> ModelJudge::clipped(const std::string& answer) const {
  if (template_.answer_tokens() == 0) return {answer, ""};
  const auto specials =
      template_.answer_specials() == AnswerSpecials::kNone ? std::vector<TokenId>() : tokenizer_.encode("");
  const auto ids = tokenizer_.encode(answer, false);
  const auto limit = static_cast<std::size_t>(template_.answer_tokens());
  const std::size_t room = limit - std::min(limit, specials.size());
  const std::string before =
      template_.answer_specials() == AnswerSpecials::kKept ? tokenizer_.decode(specials, false) : std::string();
  if (ids.size() <= room) return {answer, before};
  const auto kept = template_.keeps_end() ? std::span(ids).last(room) : std::span(ids).first(room);
  return {tokenizer_.decode(kept, true), before};
}

std::vector<TokenId> ModelJudge::prompt_ids(const Question& question) const {
  const auto [answer, specials] = clipped(question.answer.text);
  if (template_.style() == PromptStyle::kRaw) {
    std::vector<TokenId> ids;
    if (template_.adds_special_tokens()) ids = tokenizer_.encode("");
    const auto prompt = tokenizer_.encode_prompt(template_.fill(question, answer, specials), true);
    ids.insert(ids.end(), prompt.ids.begin(), prompt.ids.end());
    return ids;
  }
  ordered_json messages = ordered_json::array();
  if (template_.style() == PromptStyle::kConversation) {
    messages.push_back({{"role", "user"}, {"content", question.prompt}});
    messages.push_back({{"role", "assistant"}, {"content", answer}});
  } else {
    if (!template_.system().empty()) messages.push_back({{"role", "system"}, {"content", template_.system()}});
    messages.push_back({{"role", "user"}, {"content", template_.fill(question, answer).string()}});
  }
  return tokenizer_.encode_prompt(chat_->render_marked(messages, {.add_generation_prompt = true}), true).ids;
}

std::vector<Judgement> ModelJudge::judge(std::span<const Question> questions) {
  std::vector<Judgement> judgements(questions.size());
  std::vector<std::size_t> asked;  // of the questions, those that reach the model
  std::vector<generation::Prompt> prompts;
  const bool scores = template_.reading() == ReadingKind::kScoreTokens;
  const std::int64_t room = scores ? 1 : template_.max_new_tokens();
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (const auto before =
            evaluation::verdict_before_judging(questions[i].answer, questions[i].policy, questions[i].prompt)) {
      judgements[i].verdict = *before;
      continue;
    }
    auto ids = prompt_ids(questions[i]);
    const auto length = static_cast<std::int64_t>(ids.size());
    if (length + room > decoder_->config().max_positions) {
      judgements[i] = {{.failure = Failure::kError}, "a prompt of " + std::to_string(length) + " tokens is too long"};
      continue;
    }
    tokens_read_ += length;
    asked.push_back(i);
    prompts.push_back({std::move(ids)});
  }
  if (scores) {
    std::vector<generation::ScoreRequest> requests;
    for (const auto& prompt : prompts)
      for (const TokenId id : score_ids_) requests.push_back({prompt.ids, {id}});
    const auto logprobs = generation::score(*tree_, {}, requests);
    for (std::size_t i = 0; i < asked.size(); ++i) {
      std::vector<double> probabilities;
      for (std::size_t j = 0; j < score_ids_.size(); ++j)
        probabilities.push_back(std::exp(logprobs[i * score_ids_.size() + j].logprob));
      judgements[asked[i]].verdict = template_.read_scores(probabilities);
    }
    return judgements;
  }
  const auto completions =
      generation::generate(*tree_, &tokenizer_, {}, prompts, {.max_new_tokens = template_.max_new_tokens()});
  for (std::size_t i = 0; i < asked.size(); ++i) {
    tokens_read_ += static_cast<std::int64_t>(completions[i].ids.size());
    judgements[asked[i]] = {template_.read(completions[i].text), completions[i].text};
  }
  return judgements;
}

}  // namespace holdfast::assessment
