#include "assessment/subject.h"

#include <algorithm>

#include "assessment/arm_data.h"
#include "assessment/ledger.h"
#include "assessment/plan_work.h"
#include "evaluation/judge.h"
#include "evaluation/metrics.h"
#include "generation/generator.h"
#include "generation/scorer.h"

namespace holdfast::assessment {

using evaluation::Kind;
using nlohmann::ordered_json;

Subject::Subject(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, const std::filesystem::path& cache)
    : plan_(plan),
      tokenizer_(text::Tokenizer::from_directory(plan.model.path)),
      config_(text::read_tokenizer_config(plan.model.path)) {
  // Scoring needs no template; a benchmark that asks questions does, and says so before anything is measured.
  const bool renders = std::any_of(benchmarks.begin(), benchmarks.end(), uses_chat);
  if (renders || config_.chat_template) chat_.emplace(text::ChatTemplate::from_directory(plan.model.path));
  decoder_ = std::make_unique<model::Decoder>(model::Decoder::load(
      plan.model.path, model::parse_precision(plan.model.precision), {.cache = cache, .adapter = plan.model.adapter}));
  decoder_->write_cache();
}

training::Dataset Subject::load_rows(const std::string& path) const {
  return training::load_dataset(path, tokenizer_, chat_ ? &*chat_ : nullptr,
                                dataset_options(plan_, tokenizer_, config_, decoder_->config().max_positions));
}

generation::PrefixTree& Subject::tree() {
  if (tree_ == nullptr) tree_ = std::make_unique<generation::PrefixTree>(*decoder_);
  return *tree_;
}

RequestEncoder Subject::encoder() const {
  return {plan_, tokenizer_, config_, chat_ ? &*chat_ : nullptr, decoder_->config().max_positions};
}

WaveResult Subject::measure(const LoadedBenchmark& one, std::size_t begin, std::size_t end, std::int64_t sample,
                            const std::string& arm, const model::Adapter* adapter) {
  return one.benchmark.kind == Kind::kChoice ? score_wave(one, begin, end, arm, adapter)
                                             : answer_wave(one, begin, end, sample, arm, adapter);
}

WaveResult Subject::answer_wave(const LoadedBenchmark& one, std::size_t begin, std::size_t end, std::int64_t sample,
                                const std::string& arm, const model::Adapter* adapter) {
  std::vector<generation::Prompt> prompts;
  const RequestEncoder encoder = this->encoder();
  for (std::size_t i = begin; i < end; ++i) prompts.push_back({encoder.prompt(one, one.benchmark.items[i]).ids});
  generation::GenerateOptions options;
  options.max_new_tokens = answer_limit(plan_, one);
  options.stop = one.benchmark.stop;
  options.temperature = plan_.generation.temperature;
  options.top_p = plan_.generation.top_p;
  options.seed = static_cast<std::uint64_t>(plan_.seed);
  options.stream = static_cast<std::uint64_t>(sample) * 1'000'003 + begin;
  const std::int64_t computed_before = tree().computed_tokens();
  const auto completions = generation::generate(tree(), &tokenizer_, std::span(&adapter, 1), prompts, options);
  PhaseTokens tokens{.computed = tree().computed_tokens() - computed_before};
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto generated = static_cast<std::int64_t>(completions[i].ids.size());
    tokens.tokens += generated + static_cast<std::int64_t>(prompts[i].ids.size());
    tokens.computed += generated;
    tokens.output += generated;
  }
  WaveResult result;
  result.costs.push_back(CostMeter::of_process().take("generate", arm, tokens));
  const auto policy =
      one.plan->truncated == "judge" ? evaluation::TruncatedPolicy::kJudge : evaluation::TruncatedPolicy::kDegenerate;
  for (std::size_t i = begin; i < end; ++i) {
    const auto& completion = completions[i - begin];
    const evaluation::Answer answer{completion.ids, completion.text,
                                    completion.reason == generation::FinishReason::kLength};
    StoredAnswer stored;
    stored.position = static_cast<std::int64_t>(i);
    stored.prompt_ids = prompts[i - begin].ids;
    stored.ids = completion.ids;
    stored.text = completion.text;
    stored.is_truncated = answer.is_truncated;
    stored.tokens = static_cast<std::int64_t>(completion.ids.size());
    const evaluation::Item& item = one.benchmark.items[i];
    for (const auto& metric : one.benchmark.metrics) {
      if (one.benchmark.kind != Kind::kAnswer) break;
      for (auto& [judge, verdict] : evaluation::score_answer(metric, item, answer))
        stored.verdicts.push_back({std::move(judge), verdict});
    }
    for (std::size_t j = 0; j < one.judges.size() && one.benchmark.kind != Kind::kAnswer; ++j) {
      const evaluation::WordList* list = one.catalogue->list(one.judges[j]);
      const auto verdict = one.benchmark.kind == Kind::kRecall ? evaluation::judge_recall(item, answer)
                           : list != nullptr                   ? list->judge(answer, policy, item.prompt)
                                             : evaluation::Verdict{.failure = evaluation::Failure::kPending};
      stored.verdicts.push_back({one.judges[j], verdict});
    }
    result.answers.push_back(std::move(stored));
  }
  result.costs.push_back(CostMeter::of_process().take("judge", arm));
  return result;
}

WaveResult Subject::score_wave(const LoadedBenchmark& one, std::size_t begin, std::size_t end, const std::string& arm,
                               const model::Adapter* adapter) {
  const RequestEncoder encoder = this->encoder();
  std::vector<generation::ScoreRequest> requests;
  WaveResult result;
  PhaseTokens tokens;  // an item's context once, and its endings
  for (std::size_t i = begin; i < end; ++i) {
    const evaluation::Item& item = one.benchmark.items[i];
    StoredAnswer stored;
    stored.position = static_cast<std::int64_t>(i);
    for (auto& [request, ids, cut] : encoder.endings(one, item)) {
      stored.prompt_ids = ids.context;
      stored.tokens += static_cast<std::int64_t>(ids.continuation.size());
      requests.push_back({std::move(ids.context), std::move(ids.continuation)});
    }
    tokens.tokens += stored.tokens + static_cast<std::int64_t>(stored.prompt_ids.size());
    tokens.output += stored.tokens;
    result.answers.push_back(std::move(stored));
  }
  const std::int64_t computed_before = tree().computed_tokens();
  const auto scores = generation::score(tree(), std::span(&adapter, 1), requests);
  tokens.computed = tree().computed_tokens() - computed_before;
  std::size_t next = 0;
  for (StoredAnswer& stored : result.answers) {
    const evaluation::Item& item = one.benchmark.items[static_cast<std::size_t>(stored.position)];
    for (std::size_t j = 0; j < item.choices.size(); ++j) stored.logprobs.push_back(scores[next++].logprob);
    for (const std::string& judge : one.judges)
      stored.verdicts.push_back(
          {judge, evaluation::score_choice({evaluation::metric_of_judge(judge), {}}, item, stored.logprobs)});
  }
  result.costs = {CostMeter::of_process().take("score", arm, tokens)};
  return result;
}

}  // namespace holdfast::assessment
