#include "assessment/runner.h"

#include <sys/resource.h>

#include <chrono>
#include <numeric>

#include "assessment/journal.h"
#include "assessment/results.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "checkpoint/safetensors.h"
#include "evaluation/judge.h"
#include "generation/generator.h"
#include "generation/scorer.h"
#include "text/chat_template.h"
#include "text/continuation.h"
#include "training/trainer.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;
using evaluation::Benchmark;
using evaluation::Kind;
using nlohmann::ordered_json;

void check_stop() {
  if (const int signal = requested_stop(); signal != 0)
    throw Interrupted(signal, "interrupted; what was finished is in the journal, the same command goes on from there");
}

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

struct LoadedBenchmark {
  Benchmark benchmark;
  const BenchmarkPlan* plan;
  std::vector<std::string> judges;
};

std::vector<LoadedBenchmark> load_benchmarks(const Plan& plan) {
  std::vector<LoadedBenchmark> loaded;
  for (const BenchmarkPlan& b : plan.benchmarks) {
    evaluation::BenchmarkSpec spec{
        b.name, b.kind, b.path, static_cast<std::size_t>(b.limit), static_cast<int>(b.shots), b.subjects};
    for (Benchmark& benchmark : evaluation::load_benchmark(spec)) {
      std::vector<std::string> judges;
      if (benchmark.kind == Kind::kChoice) {
        judges = {"loglikelihood"};
        if (spec.kind != "mmlu" && b.name != "mmlu") judges.push_back("loglikelihood-norm");
      } else if (benchmark.kind == Kind::kRecall) {
        judges = {"contains"};
      } else {
        judges = b.judges.empty() ? std::vector<std::string>{"xstest-prefix"} : b.judges;
        for (const std::string& judge : judges)
          evaluation::judge_sha256(judge);  // an unknown name is an error now, not later
      }
      loaded.push_back({std::move(benchmark), &b, std::move(judges)});
    }
  }
  return loaded;
}

ordered_json identity_of(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks) {
  const fs::path model = plan.model.path;
  const auto hash = [&](const char* name) {
    return fs::exists(model / name) ? sha256_path(model / name) : std::string();
  };
  std::string weights;
  const checkpoint::Weights files(model);
  for (const auto& file : files.files()) weights += sha256_path(file);
  const auto chat_template = text::read_tokenizer_config(model).chat_template;
  const std::string template_hash = chat_template ? sha256(*chat_template) : std::string();
  const ordered_json canonical = canonical_plan(plan);
  ordered_json provenance = {{"model",
                              {{"path", fs::path(plan.model.path).filename().string()},
                               {"weights_sha256", sha256(weights)},
                               {"config_sha256", hash("config.json")},
                               {"tokenizer_sha256", hash("tokenizer.json")},
                               {"template_sha256", template_hash},
                               {"precision", plan.model.precision}}},
                             {"plan_sha256", sha256(canonical.dump())},
                             {"program", {{"version", HOLDFAST_VERSION}, {"commit", HOLDFAST_COMMIT}}},
                             {"benchmarks", ordered_json::array()},
                             {"judges", ordered_json::array()},
                             {"device", "cpu"},
                             {"deterministic", true}};
  ordered_json kinds = ordered_json::object();
  std::map<std::string, std::string> judges;
  for (const LoadedBenchmark& one : benchmarks) {
    provenance["benchmarks"].push_back({{"name", one.benchmark.name},
                                        {"path_sha256", one.benchmark.sha256},
                                        {"items", one.benchmark.items.size()},
                                        {"version", one.benchmark.version}});
    kinds[one.benchmark.name] = evaluation::kind_name(one.benchmark.kind);
    for (const std::string& judge : one.judges)
      judges[judge] = evaluation::judge_sha256(judge == "loglikelihood-norm" ? "loglikelihood" : judge);
  }
  for (const auto& [name, hash_text] : judges) provenance["judges"].push_back({{"name", name}, {"sha256", hash_text}});
  ordered_json arms = ordered_json::object();
  std::size_t seeds = 99;
  for (const ArmPlan& arm : plan.arms) {
    arms[arm.name] = {{"kind", arm.kind}};
    if (arm.kind != "no-op") seeds = std::min(seeds, arm.seeds.size());
  }
  return {{"name", plan.name},
          {"plan", canonical},
          {"provenance", provenance},
          {"kinds", kinds},
          {"arms", arms},
          {"seeds_per_arm", seeds},
          {"samples", plan.generation.samples},
          {"usd_per_hour", plan.usd_per_hour}};
}

class Runner {
 public:
  Runner(const Plan& plan, const fs::path& directory, const RunOptions& options)
      : plan_(plan),
        benchmarks_(load_benchmarks(plan)),
        journal_(Journal::open(directory, identity_of(plan, benchmarks_))),
        directory_(directory),
        tokenizer_(text::Tokenizer::from_directory(plan.model.path)),
        config_(text::read_tokenizer_config(plan.model.path)),
        progress_(total_work(), options.show_progress) {
    // Scoring needs no template; a benchmark that asks questions does, and says so before anything is measured.
    const bool renders = std::any_of(benchmarks_.begin(), benchmarks_.end(),
                                     [](const LoadedBenchmark& one) { return one.benchmark.kind != Kind::kChoice; });
    if (renders || config_.chat_template) chat_.emplace(text::ChatTemplate::from_directory(plan.model.path));
    const Stopwatch watch;
    progress_.phase("loading the model");
    decoder_ = std::make_unique<model::Decoder>(
        model::Decoder::load(plan.model.path, model::parse_precision(plan.model.precision)));
    journal_.record_phase({"load", "base", watch.seconds(), 0, 0, peak_memory_bytes()});
    std::vector<Benchmark> items;
    for (const LoadedBenchmark& one : benchmarks_) items.push_back(one.benchmark);
    journal_.add_items(items);
  }

  void run() {
    measure({"base", 0, 0}, nullptr, true);
    for (const ArmPlan& arm : plan_.arms) {
      for (const std::int64_t seed : arm.seeds) run_arm(arm, seed);
    }
    journal_.mark_finished();
    progress_.phase("writing the report");
    write_outputs(journal_, directory_);
  }

 private:
  std::int64_t items_at(bool is_end) const {
    std::int64_t items = 0;
    for (const LoadedBenchmark& one : benchmarks_) {
      if (is_end || one.plan->at == "all")
        items += static_cast<std::int64_t>(one.benchmark.items.size()) * num_samples(one);
    }
    return items;
  }
  std::int64_t total_work() const {
    std::int64_t work = items_at(true);
    for (const ArmPlan& arm : plan_.arms)
      work += static_cast<std::int64_t>(arm.seeds.size()) *
              (items_at(true) + items_at(false) * (static_cast<std::int64_t>(arm.checkpoints.size()) - 1));
    return work;
  }

  void run_arm(const ArmPlan& arm, std::int64_t seed) {
    if (is_measured(arm, seed)) {
      progress_.advance(items_at(true) + items_at(false) * (static_cast<std::int64_t>(arm.checkpoints.size()) - 1));
      return;
    }
    if (!arm.adapter.empty()) {
      const model::Adapter adapter = model::Adapter::load(decoder_->config(), arm.adapter);
      measure({arm.name, seed, 0}, &adapter, true);
      return;
    }
    checkpoint::AdapterConfig adapter_config;
    adapter_config.rank = arm.rank;
    adapter_config.alpha = arm.alpha;
    adapter_config.target_modules = arm.targets;
    model::Adapter adapter =
        model::Adapter::fresh(decoder_->config(), adapter_config, static_cast<std::uint64_t>(seed));
    if (arm.steps == 0) {
      measure({arm.name, seed, 0}, &adapter, true);
      return;
    }
    training::DatasetOptions dataset_options;
    dataset_options.max_length = std::min<std::int64_t>(dataset_options.max_length, decoder_->config().max_positions);
    dataset_options.render.date = plan_.model.template_date;
    if (const auto eos = tokenizer_.token_to_id(config_.token("eos_token")); eos) dataset_options.eos_id = *eos;
    const training::Dataset dataset =
        training::load_dataset(arm.data, tokenizer_, chat_ ? &*chat_ : nullptr, dataset_options);
    training::TrainOptions options;
    options.learning_rate = arm.lr;
    options.schedule = training::parse_schedule(arm.schedule);
    options.warmup_steps = arm.warmup_steps;
    options.total_steps = arm.steps;
    options.adamw.weight_decay = arm.weight_decay;
    options.max_grad_norm = arm.max_grad_norm;
    options.rows_per_step = arm.rows_per_step;
    options.tokens_per_step = arm.tokens_per_step;
    options.order = arm.order == "file" ? training::RowOrder::kFile : training::RowOrder::kSeeded;
    options.seed = static_cast<std::uint64_t>(seed);
    training::Trainer trainer(*decoder_, adapter, dataset, options);
    for (const std::int64_t checkpoint : arm.checkpoints) {
      train(arm, seed, trainer, checkpoint);
      measure({arm.name, seed, checkpoint}, &adapter, checkpoint == arm.steps);
    }
  }

  bool is_measured(const ArmPlan& arm, std::int64_t seed) {
    for (const std::int64_t checkpoint : arm.checkpoints) {
      const CellKey cell{arm.name, seed, checkpoint};
      journal_.add_cell(cell);
      for (const LoadedBenchmark& one : benchmarks_) {
        if (checkpoint != arm.steps && one.plan->at == "ends") continue;
        for (std::int64_t sample = 0; sample < num_samples(one); ++sample) {
          for (std::int64_t wave = 0; wave < num_waves(one); ++wave) {
            if (!journal_.has_wave({cell, one.benchmark.name, sample, wave})) return false;
          }
        }
      }
    }
    return true;
  }

  void train(const ArmPlan& arm, std::int64_t seed, training::Trainer& trainer, std::int64_t until) {
    const Stopwatch watch;
    std::int64_t tokens = 0;
    while (trainer.num_steps() < until) {
      check_stop();
      progress_.phase("training " + arm.name + ", step " + std::to_string(trainer.num_steps() + 1) + " of " +
                      std::to_string(arm.steps));
      const training::StepReport report = trainer.step();
      journal_.record_step(
          arm.name, seed,
          {report.step, report.loss, report.grad_norm, report.learning_rate, report.tokens, report.target_tokens});
      tokens += report.tokens;
    }
    if (tokens > 0)
      journal_.record_phase(
          {"train", arm.name, watch.seconds(), tokens,
           2 * static_cast<double>(tokens) * (decoder_->linear_flops_per_token() + decoder_->head_flops_per_token()),
           peak_memory_bytes()});
  }

  // Log-likelihoods are the same every time: one sample says all.
  std::int64_t num_samples(const LoadedBenchmark& one) const {
    return one.benchmark.kind == Kind::kChoice ? 1 : plan_.generation.samples;
  }
  std::int64_t num_waves(const LoadedBenchmark& one) const {
    return (static_cast<std::int64_t>(one.benchmark.items.size()) + plan_.generation.wave - 1) / plan_.generation.wave;
  }

  void measure(const CellKey& cell, const model::Adapter* adapter, bool is_end) {
    journal_.add_cell(cell);
    for (const LoadedBenchmark& one : benchmarks_) {
      if (!is_end && one.plan->at == "ends") continue;
      for (std::int64_t sample = 0; sample < num_samples(one); ++sample) {
        for (std::int64_t wave = 0; wave < num_waves(one); ++wave)
          run_wave({cell, one.benchmark.name, sample, wave}, one, adapter);
      }
    }
  }

  void run_wave(const WaveKey& key, const LoadedBenchmark& one, const model::Adapter* adapter) {
    const auto begin = static_cast<std::size_t>(key.number * plan_.generation.wave);
    const std::size_t end =
        std::min(one.benchmark.items.size(), begin + static_cast<std::size_t>(plan_.generation.wave));
    if (!journal_.has_wave(key)) {
      check_stop();
      progress_.phase("measuring " + key.cell.arm + " at step " + std::to_string(key.cell.step) + " on " +
                      one.benchmark.name);
      const Stopwatch watch;
      const bool scores = one.benchmark.kind == Kind::kChoice;
      const auto answers = scores ? score_wave(one, begin, end, adapter) : answer_wave(key, one, begin, end, adapter);
      journal_.commit_wave(key, answers);
      std::int64_t tokens = 0;
      for (const StoredAnswer& answer : answers)
        tokens += answer.tokens + static_cast<std::int64_t>(scores ? 0 : answer.prompt_ids.size());
      journal_.record_phase({scores ? "score" : "generate", key.cell.arm, watch.seconds(), tokens,
                             static_cast<double>(tokens) * decoder_->linear_flops_per_token(), peak_memory_bytes()});
    }
    progress_.advance(static_cast<std::int64_t>(end - begin));
  }

  std::vector<StoredAnswer> answer_wave(const WaveKey& key, const LoadedBenchmark& one, std::size_t begin,
                                        std::size_t end, const model::Adapter* adapter) {
    std::vector<std::vector<text::TokenId>> prompts;
    text::RenderOptions render;
    render.add_generation_prompt = true;
    render.date = plan_.model.template_date;
    for (std::size_t i = begin; i < end; ++i) {
      ordered_json messages = ordered_json::array();
      if (!plan_.model.system_prompt.empty())
        messages.push_back({{"role", "system"}, {"content", plan_.model.system_prompt}});
      messages.push_back({{"role", "user"}, {"content", one.benchmark.items[i].prompt}});
      prompts.push_back(tokenizer_.encode(chat_->render(messages, render), false));
    }
    generation::GenerateOptions options;
    options.max_new_tokens = one.plan->max_new_tokens > 0 ? one.plan->max_new_tokens : plan_.generation.max_new_tokens;
    options.temperature = plan_.generation.temperature;
    options.top_p = plan_.generation.top_p;
    options.seed = static_cast<std::uint64_t>(plan_.seed);
    options.stream = static_cast<std::uint64_t>(key.sample) * 1'000'003 + begin;
    const auto completions = generation::generate(*decoder_, tokenizer_, adapter, prompts, options);
    const auto policy =
        one.plan->truncated == "judge" ? evaluation::TruncatedPolicy::kJudge : evaluation::TruncatedPolicy::kDegenerate;
    std::vector<StoredAnswer> answers;
    for (std::size_t i = begin; i < end; ++i) {
      const auto& completion = completions[i - begin];
      const evaluation::Answer answer{completion.ids, completion.text,
                                      completion.reason == generation::FinishReason::kLength};
      StoredAnswer stored{static_cast<std::int64_t>(i),
                          prompts[i - begin],
                          completion.ids,
                          completion.text,
                          answer.is_truncated,
                          {},
                          static_cast<std::int64_t>(completion.ids.size()),
                          {}};
      for (const std::string& judge : one.judges) {
        stored.verdicts.push_back({judge, one.benchmark.kind == Kind::kRecall
                                              ? evaluation::judge_recall(one.benchmark.items[i], answer)
                                              : evaluation::judge_refusal(judge, answer, policy)});
      }
      answers.push_back(std::move(stored));
    }
    return answers;
  }

  std::vector<StoredAnswer> score_wave(const LoadedBenchmark& one, std::size_t begin, std::size_t end,
                                       const model::Adapter* adapter) {
    const text::ContinuationEncoder encoder(tokenizer_, config_);
    std::vector<generation::ScoreRequest> requests;
    std::vector<StoredAnswer> answers;
    for (std::size_t i = begin; i < end; ++i) {
      const evaluation::Item& item = one.benchmark.items[i];
      StoredAnswer stored;
      stored.position = static_cast<std::int64_t>(i);
      for (const std::string& choice : item.choices) {
        auto ids = encoder.encode(item.context, " " + choice);
        stored.prompt_ids = ids.context;
        stored.tokens += static_cast<std::int64_t>(ids.continuation.size());
        requests.push_back({std::move(ids.context), std::move(ids.continuation)});
      }
      answers.push_back(std::move(stored));
    }
    const auto scores = generation::score(*decoder_, adapter, requests);
    std::size_t next = 0;
    for (StoredAnswer& stored : answers) {
      const evaluation::Item& item = one.benchmark.items[static_cast<std::size_t>(stored.position)];
      for (std::size_t j = 0; j < item.choices.size(); ++j) stored.logprobs.push_back(scores[next++].logprob);
      for (const std::string& judge : one.judges)
        stored.verdicts.push_back(
            {judge, evaluation::judge_choice(item, stored.logprobs, judge == "loglikelihood-norm")});
    }
    return answers;
  }

  const Plan& plan_;
  std::vector<LoadedBenchmark> benchmarks_;
  Journal journal_;
  fs::path directory_;
  text::Tokenizer tokenizer_;
  text::TokenizerConfig config_;
  std::optional<text::ChatTemplate> chat_;
  std::unique_ptr<model::Decoder> decoder_;
  Progress progress_;
};

}  // namespace

void run_plan(const Plan& plan, const fs::path& directory, const RunOptions& options) {
  Runner(plan, directory, options).run();
}

}  // namespace holdfast::assessment
