#include "assessment/forecast.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "assessment/arm_data.h"
#include "assessment/four_numbers.h"
#include "assessment/plan_trial.h"
#include "assessment/plan_work.h"
#include "assessment/projection.h"
#include "evaluation/judges/judge_template.h"
#include "model/memory_plan.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

double number(std::int64_t count) { return static_cast<double>(count); }
std::int64_t rounded(double value) { return static_cast<std::int64_t>(std::llround(value)); }

ordered_json benchmark_json(const BenchmarkWork& one) {
  ordered_json json = {{"name", one.name},       {"kind", one.kind},   {"items", one.items},
                       {"samples", one.samples}, {"cells", one.cells}, {"answers", one.answers()}};
  if (one.is_held_out) json["held_out"] = true;
  const std::int64_t times = one.samples * one.cells;
  if (one.is_choice) {
    json["scored_tokens"] = one.scored_tokens * times;
  } else {
    json["prompt_tokens"] = one.prompt_tokens * times;
    json["most_answer_tokens"] = one.answers() * one.answer_limit;
  }
  if (one.detectable) json["minimum_detectable"] = *one.detectable;
  return json;
}

ordered_json arm_json(const ArmWork& one) {
  ordered_json json = {{"name", one.name}, {"kind", one.kind}, {"runs", one.runs}, {"checkpoints", one.checkpoints}};
  if (one.family != one.name) json["family"] = one.family;
  if (one.training_tokens > 0) {
    json["rows"] = one.rows;
    json["training_tokens"] = one.training_tokens;
  }
  return json;
}

// What judges that are no lists are asked.
struct JudgeWork {
  const JudgePlan* plan;
  std::int64_t answers = 0;
  double prompt_tokens = 0, output_tokens = 0;
};

// A token is taken for four letters where the judge's own tokenizer is not there to count.
constexpr double kLettersPerToken = 4;

std::vector<JudgeWork> judge_work(const std::vector<LoadedBenchmark>& benchmarks, const PlanWork& work,
                                  const PlanTrial* trial) {
  std::vector<JudgeWork> list;
  for (std::size_t i = 0; i < benchmarks.size(); ++i) {
    const LoadedBenchmark& one = benchmarks[i];
    const BenchmarkWork& counted = work.benchmarks[i];
    for (const std::string& judge : one.judges) {
      const JudgePlan* plan = one.catalogue->plan(judge);
      if (plan == nullptr || plan->kind == "list") continue;
      auto found = std::find_if(list.begin(), list.end(), [&](const JudgeWork& of) { return of.plan == plan; });
      if (found == list.end()) found = list.insert(list.end(), JudgeWork{plan});
      const auto asks = evaluation::JudgeTemplate::find(plan->judge_template);
      double letters = 0;
      for (const evaluation::Item& item : one.benchmark.items)
        letters += number(static_cast<std::int64_t>(item.prompt.size()));
      const double answer =
          trial != nullptr ? trial->items.at(counted.name).answer_tokens : number(counted.answer_limit);
      const double question = letters / number(std::max<std::int64_t>(1, counted.items));
      const double frame = number(static_cast<std::int64_t>(asks.fill({}, "").size()));
      found->answers += counted.answers();
      found->prompt_tokens += number(counted.answers()) * (answer + (question + frame) / kLettersPerToken);
      found->output_tokens +=
          number(counted.answers()) *
          number(asks.reading() == evaluation::ReadingKind::kScoreTokens ? 1 : asks.max_new_tokens());
    }
  }
  return list;
}

double endpoint_usd(const JudgeWork& one) {
  const double usd =
      (one.prompt_tokens * one.plan->usd_per_million_prompt + one.output_tokens * one.plan->usd_per_million_output) /
      1e6;
  return one.plan->max_usd > 0 ? std::min(usd, one.plan->max_usd) : usd;
}

// Seconds of a local judge, at the rate of operations that answers reach here.
std::optional<double> judge_seconds(const JudgeWork& one, const PlanTrial& trial) {
  double rate = 0;
  for (const auto& [name, item] : trial.items) rate = std::max(rate, item.flops_per_second);
  if (one.plan->kind != "model" || rate <= 0) return std::nullopt;
  const ModelSize size = model_size(one.plan->name, "", checkpoint::read_config(one.plan->path));
  return ((one.prompt_tokens + one.output_tokens) * size.linear_flops + one.output_tokens * size.head_flops) / rate;
}

struct Memory {
  std::int64_t loading = 0, answering = 0, training = 0;
  std::int64_t peak() const { return std::max({loading, answering, training}); }
};

Memory memory_of(const Plan& plan, const PlanWork& work, const checkpoint::ModelConfig& config) {
  const auto precision = model::parse_precision(plan.model.precision);
  std::int64_t longest = 1, pack = 0;
  for (const BenchmarkWork& one : work.benchmarks) longest = std::max(longest, one.longest_prompt + one.answer_limit);
  const training::TrainOptions defaults;
  for (const ArmWork& arm : work.arms) pack = std::max(pack, std::min(defaults.pack_tokens, arm.longest_step));
  Memory memory;
  const auto one_pass =
      model::memory_plan(config, {precision, std::min<std::int64_t>(1024, longest * plan.generation.wave)});
  const auto wave = model::memory_plan(config, {precision, longest * plan.generation.wave});
  memory.loading = one_pass.loading();
  const std::int64_t resident = one_pass.process + one_pass.pools + one_pass.weights;
  memory.answering = resident + wave.cache + std::max(one_pass.passing, one_pass.logits);
  std::int64_t adapters = 0;
  for (std::size_t i = 0; i < plan.arms.size(); ++i) {
    const ArmPlan& arm = plan.arms[i];
    if (arm.steps == 0) continue;
    adapters +=
        model::memory_plan(config, {precision, 1, arm.rank}).adapter * static_cast<std::int64_t>(arm.seeds.size());
  }
  if (pack > 0) {
    const auto step = model::memory_plan(config, {precision, pack});
    memory.training = resident + adapters + step.activations + std::max(step.backward, step.logits);
  }
  return memory;
}

ordered_json trial_json(const PlanTrial& trial, const PlanWork& work) {
  ordered_json json = {{"seconds", trial.seconds}, {"peak_memory_bytes", trial.peak_memory_bytes}};
  if (trial.train_seconds_per_token) {
    json["train_tokens_per_second"] = 1 / *trial.train_seconds_per_token;
    json["whole_step"] = trial.is_whole_step;
  }
  for (const BenchmarkWork& one : work.benchmarks) {
    const ItemRate& rate = trial.items.at(one.name);
    json["benchmarks"].push_back({{"name", one.name},
                                  {"seconds_per_item", rate.seconds},
                                  {"answer_tokens", rate.answer_tokens},
                                  {"whole_wave", rate.is_whole}});
  }
  return json;
}

struct Seconds {
  double load = 0, train = 0, generate = 0, score = 0, judge = 0, most_generate = 0;
  double sum() const { return load + train + generate + score + judge; }
  double most() const { return load + train + most_generate + score + judge; }
};

Seconds seconds_of(const PlanWork& work, const PlanTrial& trial, const std::vector<JudgeWork>& judges) {
  Seconds seconds;
  seconds.load = trial.load_seconds * number(work.models);
  seconds.train = trial.train_seconds_per_token.value_or(0) * number(work.training_tokens());
  for (const BenchmarkWork& one : work.benchmarks) {
    const ItemRate& rate = trial.items.at(one.name);
    (one.is_choice ? seconds.score : seconds.generate) += rate.seconds * number(one.answers());
    if (!one.is_choice) seconds.most_generate += rate.most_seconds * number(one.answers());
  }
  for (const JudgeWork& one : judges) seconds.judge += judge_seconds(one, trial).value_or(0);
  return seconds;
}

// The work in the projection's terms; what is answered is as long as it was here, or as it may be.
Work projected_work(const Plan& plan, const PlanWork& counted, const PlanTrial* trial,
                    const std::vector<JudgeWork>& judges) {
  Work work;
  work.training_tokens = counted.training_tokens();
  work.target_tokens = counted.target_tokens();
  work.prompt_tokens = counted.prompt_tokens();
  work.scored_tokens = counted.scored_tokens();
  work.wave = plan.generation.wave;
  work.answer_tokens = 1;
  double generated = 0;
  for (const BenchmarkWork& one : counted.benchmarks) {
    work.read_tokens += one.ending_tokens * one.cells;
    work.answer_tokens = std::max(work.answer_tokens, one.longest_prompt + one.answer_limit);
    generated +=
        number(one.answers()) * (trial != nullptr ? trial->items.at(one.name).answer_tokens : number(one.answer_limit));
  }
  work.generated_tokens = rounded(generated);
  work.rank = 1;
  std::int64_t longest = 1;
  for (const ArmWork& arm : counted.arms) longest = std::max(longest, arm.longest_step);
  for (const ArmPlan& arm : plan.arms) work.rank = std::max(work.rank, arm.rank);
  work.pack_tokens = std::min(work.pack_tokens, longest);
  for (const JudgeWork& one : judges) {
    if (one.plan->kind == "endpoint") work.judge_usd += endpoint_usd(one);
    if (one.plan->kind != "model") continue;
    const ModelSize size = model_size(one.plan->name, "", checkpoint::read_config(one.plan->path));
    work.judge_flops +=
        (one.prompt_tokens + one.output_tokens) * size.linear_flops + one.output_tokens * size.head_flops;
  }
  return work;
}

// Of this machine's peak, what each phase reached in the trial; of several benchmarks the mean by their time.
PeakShares shares_of(const PlanTrial& trial, const PlanWork& work) {
  const auto share = [&](bool is_choice) -> std::optional<double> {
    double seconds = 0, flops = 0;
    for (const BenchmarkWork& one : work.benchmarks) {
      if (one.is_choice != is_choice) continue;
      const ItemRate& rate = trial.items.at(one.name);
      seconds += rate.seconds * number(one.answers());
      flops += rate.seconds * number(one.answers()) * rate.flops_per_second;
    }
    if (seconds <= 0) return std::nullopt;
    return std::min(1.0, flops / seconds / trial.peak_flops);
  };
  PeakShares shares;
  if (trial.train_seconds_per_token) shares.train = std::min(1.0, trial.train_flops_per_second / trial.peak_flops);
  shares.generate = share(false);
  shares.score = share(true);
  shares.judge = shares.score ? shares.score : shares.generate;
  return shares;
}

constexpr std::size_t kSeeds = 3;  // and answers, of which a spread can be told

// The same plan with three training seeds and three answers a prompt; nothing where it has as many.
std::optional<Plan> three_of_each(const Plan& plan) {
  Plan more = plan;
  bool is_more = more.generation.samples < static_cast<std::int64_t>(kSeeds);
  more.generation.samples = std::max(more.generation.samples, static_cast<std::int64_t>(kSeeds));
  for (ArmPlan& arm : more.arms) {
    if (arm.steps == 0) continue;
    is_more = is_more || arm.seeds.size() < kSeeds;
    while (arm.seeds.size() < kSeeds) arm.seeds.push_back(*std::max_element(arm.seeds.begin(), arm.seeds.end()) + 1);
  }
  return is_more ? std::optional(more) : std::nullopt;
}

ordered_json warnings_of(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks) {
  ordered_json warnings = ordered_json::array();
  if (const std::string text = four_numbers(benchmarks).warning(); !text.empty()) warnings.push_back(text);
  if (plan.generation.samples > 1 && plan.generation.temperature == 0)
    warnings.push_back("Several answers a prompt without a temperature: they are all the same");
  std::size_t seeds = 99;
  for (const ArmPlan& arm : plan.arms) {
    if (arm.steps > 0) seeds = std::min(seeds, arm.seeds.size());
  }
  if (seeds < 3) warnings.push_back("Fewer than three training seeds: the spread between runs is not measured");
  if (plan.generation.samples < 3)
    warnings.push_back("Fewer than three answers a prompt: the spread between answers is not measured");
  for (const LoadedBenchmark& one : benchmarks) {
    const bool asks = one.benchmark.kind == evaluation::Kind::kRefusal || one.benchmark.kind == evaluation::Kind::kSafe;
    if (asks && one.judges.size() < 2)
      warnings.push_back("One judge of " + one.benchmark.name + ": how far judges agree is not measured");
  }
  return warnings;
}

}  // namespace

ordered_json forecast(const Plan& given, const ForecastOptions& options) {
  const Plan plan = with_token_checkpoints(given);
  const auto benchmarks = load_benchmarks(plan);
  const PlanWork work = work_of(plan, benchmarks);
  const auto config = checkpoint::read_config(plan.model.path);
  const Memory memory = memory_of(plan, work, config);
  std::optional<PlanTrial> trial;
  if (options.times) trial = try_plan(plan, benchmarks, {});
  const PlanTrial* times = trial ? &*trial : nullptr;
  const auto judges = judge_work(benchmarks, work, times);

  ordered_json json = {{"schema", 1}, {"plan", plan.name}};
  if (!plan.preset.empty()) json["preset"] = plan.preset;
  json["models"] = work.models;
  json["cells"] = work.cells;
  json["measurements"] = work.measurements();
  json["answers"] = work.answers();
  json["tokens"] = {{"prompt", work.prompt_tokens()},
                    {"most_answer", work.most_answer_tokens()},
                    {"scored", work.scored_tokens()},
                    {"training", work.training_tokens()}};
  json["memory"] = {{"loading_bytes", memory.loading}, {"answering_bytes", memory.answering}};
  if (memory.training > 0) json["memory"]["training_bytes"] = memory.training;
  json["memory"]["peak_bytes"] = memory.peak();
  json["arms"] = ordered_json::array();
  for (const ArmWork& one : work.arms) json["arms"].push_back(arm_json(one));
  json["benchmarks"] = ordered_json::array();
  for (const BenchmarkWork& one : work.benchmarks) json["benchmarks"].push_back(benchmark_json(one));
  if (work.confirming_runs > 0)
    json["confirmation"] = {{"benchmark", plan.confirmation.benchmark},
                            {"runs", work.confirming_runs},
                            {"most_training_tokens", work.confirming_tokens}};
  double judges_usd = 0;
  for (const JudgeWork& one : judges) {
    ordered_json entry = {{"judge", one.plan->name},
                          {"kind", one.plan->kind},
                          {"answers", one.answers},
                          {"prompt_tokens", rounded(one.prompt_tokens)},
                          {"most_output_tokens", rounded(one.output_tokens)}};
    if (times != nullptr) {
      if (const auto seconds = judge_seconds(one, *times)) entry["seconds"] = *seconds;
    }
    if (one.plan->kind == "endpoint" && endpoint_usd(one) > 0)
      judges_usd += endpoint_usd(one), entry["usd"] = endpoint_usd(one);
    json["judging"].push_back(std::move(entry));
  }
  if (times != nullptr) {
    const Seconds seconds = seconds_of(work, *times, judges);
    double answer_tokens = 0;
    for (const BenchmarkWork& one : work.benchmarks)
      answer_tokens += number(one.answers()) * times->items.at(one.name).answer_tokens;
    json["tokens"]["answer"] = rounded(answer_tokens);
    json["seconds"] = {{"load", seconds.load},   {"train", seconds.train}, {"generate", seconds.generate},
                       {"score", seconds.score}, {"judge", seconds.judge}, {"all", seconds.sum()},
                       {"most", seconds.most()}};
    if (plan.usd_per_hour > 0 || judges_usd > 0)
      json["usd"] = {{"all", plan.usd_per_hour * seconds.sum() / 3600 + judges_usd},
                     {"most", plan.usd_per_hour * seconds.most() / 3600 + judges_usd}};
    json["calibration"] = trial_json(*times, work);
  }
  if (const auto more = three_of_each(plan)) {
    const PlanWork all = work_of(*more, benchmarks);
    json["three_of_each"] = {{"answers", all.answers()}, {"training_tokens", all.training_tokens()}};
    if (times != nullptr) {
      const auto asked = judge_work(benchmarks, all, times);
      json["three_of_each"]["seconds"] = seconds_of(all, *times, asked).sum();
    }
  }
  if (!options.devices.empty()) {
    const ModelSize size =
        model_size(std::filesystem::path(plan.model.path).filename().string(), "its config.json", config);
    const Work projected = projected_work(plan, work, times, judges);
    const PeakShares shares = times != nullptr ? shares_of(*times, work) : PeakShares{};
    for (const Device& device : options.devices)
      json["devices"].push_back(projection_json(project(size, device, projected, shares)));
  }
  json["warnings"] = warnings_of(plan, benchmarks);
  return json;
}

}  // namespace holdfast::assessment
