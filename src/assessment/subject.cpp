#include "assessment/subject.h"

#include <algorithm>

#include "assessment/arm_data.h"
#include "assessment/ledger.h"
#include "assessment/plan_work.h"
#include "base/error.h"
#include "evaluation/judge.h"
#include "evaluation/metrics.h"
#include "generation/generator.h"
#include "generation/scorer.h"

namespace holdfast::assessment {

namespace {

using evaluation::Kind;

std::vector<const model::Adapter*> adapters_of(std::span<const Asked> asked) {
  std::vector<const model::Adapter*> adapters;
  for (const Asked& one : asked) adapters.push_back(one.adapter);
  return adapters;
}

// What one cost of `total` units, spent evenly by `count`, is for number i of them: whole units that add up.
std::int64_t share_of(std::int64_t total, std::size_t i, std::size_t count) {
  const auto n = static_cast<std::int64_t>(count), place = static_cast<std::int64_t>(i);
  return total * (place + 1) / n - total * place / n;
}

generation::GenerateOptions generate_options(const Plan& plan, const LoadedBenchmark& one) {
  generation::GenerateOptions options;
  options.max_new_tokens = answer_limit(plan, one);
  options.stop = one.benchmark.stop;
  options.temperature = plan.generation.temperature;
  options.top_p = plan.generation.top_p;
  options.seed = static_cast<std::uint64_t>(plan.seed);
  return options;
}

// The answer to an item as the journal keeps it, with what can be judged at once.
StoredAnswer stored_answer(const LoadedBenchmark& one, std::size_t position, const std::vector<text::TokenId>& prompt,
                           const generation::Completion& completion) {
  const evaluation::Item& item = one.benchmark.items[position];
  const evaluation::Answer answer{completion.ids, completion.text,
                                  completion.reason == generation::FinishReason::kLength};
  StoredAnswer stored;
  stored.position = static_cast<std::int64_t>(position);
  stored.prompt_ids = prompt;
  stored.ids = completion.ids;
  stored.text = completion.text;
  stored.is_truncated = answer.is_truncated;
  stored.tokens = static_cast<std::int64_t>(completion.ids.size());
  const auto policy =
      one.plan->truncated == "judge" ? evaluation::TruncatedPolicy::kJudge : evaluation::TruncatedPolicy::kDegenerate;
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
  return stored;
}

}  // namespace

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

std::vector<WaveResult> Subject::measure(const LoadedBenchmark& one, std::size_t begin, std::size_t end,
                                         std::int64_t sample, std::span<const Asked> asked) {
  HOLDFAST_ASSERT(!asked.empty());
  return one.benchmark.kind == Kind::kChoice ? score_wave(one, begin, end, asked)
                                             : answer_wave(one, begin, end, sample, asked);
}

std::vector<WaveResult> Subject::answer_wave(const LoadedBenchmark& one, std::size_t begin, std::size_t end,
                                             std::int64_t sample, std::span<const Asked> asked) {
  std::vector<std::vector<text::TokenId>> prompts;
  const RequestEncoder encoder = this->encoder();
  for (std::size_t i = begin; i < end; ++i) prompts.push_back(encoder.prompt(one, one.benchmark.items[i]).ids);
  const auto options = std::make_shared<const generation::GenerateOptions>(generate_options(plan_, one));
  // An answer's random numbers are its item's, whoever gives it.
  const std::uint64_t stream = static_cast<std::uint64_t>(sample) * 1'000'003 + begin;
  const std::size_t size = prompts.size();
  std::vector<generation::Completion> completions(asked.size() * size);
  const std::vector<const model::Adapter*> adapters = adapters_of(asked);
  const std::int64_t computed_before = tree().computed_tokens();
  generation::Generator generator(
      tree(), &tokenizer_, adapters, options->step_tokens,
      {.on_token = {}, .on_completion = [&](std::size_t number, generation::Completion completion) {
         completions[number] = std::move(completion);
       }});
  for (std::size_t a = 0; a < asked.size(); ++a)
    for (std::size_t i = 0; i < size; ++i)
      generator.add({prompts[i], static_cast<std::int64_t>(a)}, options, stream + i);
  while (!generator.is_done()) generator.step();
  const std::int64_t computed = tree().computed_tokens() - computed_before;

  std::vector<std::pair<std::string, PhaseTokens>> worked;
  for (std::size_t a = 0; a < asked.size(); ++a) {
    PhaseTokens tokens{.computed = share_of(computed, a, asked.size())};
    for (std::size_t i = 0; i < size; ++i) {
      const auto generated = static_cast<std::int64_t>(completions[a * size + i].ids.size());
      tokens.tokens += generated + static_cast<std::int64_t>(prompts[i].size());
      tokens.computed += generated;
      tokens.output += generated;
    }
    worked.emplace_back(asked[a].account, tokens);
  }
  const std::vector<PhaseRecord> generating = CostMeter::of_process().take_shared("generate", worked);
  std::vector<WaveResult> results(asked.size());
  for (std::size_t a = 0; a < asked.size(); ++a) {
    results[a].costs.push_back(generating[a]);
    for (std::size_t i = 0; i < size; ++i)
      results[a].answers.push_back(stored_answer(one, begin + i, prompts[i], completions[a * size + i]));
    results[a].costs.push_back(CostMeter::of_process().take("judge", asked[a].account));
  }
  return results;
}

std::vector<WaveResult> Subject::score_wave(const LoadedBenchmark& one, std::size_t begin, std::size_t end,
                                            std::span<const Asked> asked) {
  const RequestEncoder encoder = this->encoder();
  std::vector<generation::ScoreRequest> requests;  // of the first who is asked, then of the next
  WaveResult unanswered;
  PhaseTokens tokens;  // of one: an item's context once, and its endings
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
    unanswered.answers.push_back(std::move(stored));
  }
  const std::size_t size = requests.size();
  requests.reserve(asked.size() * size);
  for (std::size_t a = 1; a < asked.size(); ++a) {
    for (std::size_t i = 0; i < size; ++i) {
      requests.push_back(requests[i]);
      requests.back().adapter = static_cast<std::int64_t>(a);
    }
  }
  const std::int64_t computed_before = tree().computed_tokens();
  const auto scores = generation::score(tree(), adapters_of(asked), requests);
  const std::int64_t computed = tree().computed_tokens() - computed_before;

  std::vector<std::pair<std::string, PhaseTokens>> worked;
  for (std::size_t a = 0; a < asked.size(); ++a) {
    tokens.computed = share_of(computed, a, asked.size());
    worked.emplace_back(asked[a].account, tokens);
  }
  const std::vector<PhaseRecord> scoring = CostMeter::of_process().take_shared("score", worked);
  std::vector<WaveResult> results(asked.size(), unanswered);
  std::size_t next = 0;
  for (std::size_t a = 0; a < asked.size(); ++a) {
    for (StoredAnswer& stored : results[a].answers) {
      const evaluation::Item& item = one.benchmark.items[static_cast<std::size_t>(stored.position)];
      for (std::size_t j = 0; j < item.choices.size(); ++j) stored.logprobs.push_back(scores[next++].logprob);
      for (const std::string& judge : one.judges)
        stored.verdicts.push_back(
            {judge, evaluation::score_choice({evaluation::metric_of_judge(judge), {}}, item, stored.logprobs)});
    }
    results[a].costs = {scoring[a]};
  }
  return results;
}

}  // namespace holdfast::assessment
