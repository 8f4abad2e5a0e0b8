#include "assessment/plan_work.h"

#include <algorithm>

#include "assessment/arm_data.h"
#include "evaluation/statistics/power.h"

namespace holdfast::assessment {
namespace {

using evaluation::Kind;

constexpr std::size_t kCountedItems = 400;  // of a longer benchmark every so-manieth is rendered

std::int64_t sum(const std::vector<BenchmarkWork>& list, std::int64_t (*value)(const BenchmarkWork&)) {
  std::int64_t total = 0;
  for (const BenchmarkWork& one : list) total += value(one);
  return total;
}

// Tokens of a benchmark's requests, as they are put to the model.
void count_tokens(const Plan& plan, const LoadedBenchmark& one, BenchmarkWork& work) {
  const std::size_t size = one.benchmark.items.size(), stride = (size + kCountedItems - 1) / kCountedItems;
  LoadedBenchmark some = one;
  if (stride > 1) {
    some.benchmark.items.clear();
    for (std::size_t i = 0; i < size; i += stride) some.benchmark.items.push_back(one.benchmark.items[i]);
  }
  each_request(plan, {some}, [&](const nlohmann::ordered_json& line) {
    std::int64_t prompt = 0, endings = 0;
    if (line.contains("ids")) prompt = static_cast<std::int64_t>(line["ids"].size());
    for (const auto& request : line.value("requests", nlohmann::ordered_json::array())) {
      prompt = static_cast<std::int64_t>(request["context_ids"].size());
      endings += static_cast<std::int64_t>(request["continuation_ids"].size());
    }
    work.longest_prompt = std::max(work.longest_prompt, prompt);
    (work.is_choice ? work.scored_tokens : work.prompt_tokens) += prompt + endings;
    work.ending_tokens += endings;
  });
  const double factor =
      static_cast<double>(size) / static_cast<double>(std::max<std::size_t>(1, some.benchmark.items.size()));
  for (std::int64_t* tokens : {&work.prompt_tokens, &work.scored_tokens, &work.ending_tokens})
    *tokens = static_cast<std::int64_t>(static_cast<double>(*tokens) * factor);
}

ArmWork arm_work(const ArmPlan& arm, RowReader& reader, std::int64_t models) {
  ArmWork work{arm.name, arm.kind, arm.family, models * static_cast<std::int64_t>(arm.seeds.size()), arm.checkpoints};
  if (arm.steps == 0) return work;
  for (const std::int64_t seed : arm.seeds) {
    const Rows shared = reader.rows(arm, seed);
    const training::Dataset& dataset = *shared;
    const training::TrainOptions options = train_options(arm, seed);
    training::RowSequence sequence(dataset.rows.size(), options.order, options.seed);
    work.rows = static_cast<std::int64_t>(dataset.rows.size());
    for (std::int64_t step = 0; step < arm.steps; ++step) {
      std::int64_t tokens = 0;
      for (const training::TrainingRow* row : training::deal_rows(dataset, options, sequence)) {
        tokens += static_cast<std::int64_t>(row->ids.size());
        work.target_tokens += models * row->num_targets();
      }
      work.training_tokens += models * tokens;
      work.longest_step = std::max(work.longest_step, tokens);
    }
  }
  return work;
}

// The longest training that may be confirmed: an attack's, where there is one.
void count_confirmation(const Plan& plan, PlanWork& work) {
  if (plan.confirmation.benchmark.empty()) return;
  const auto is_attack = [](const ArmWork& arm) { return arm.kind == "attack"; };
  const bool has_attack = std::any_of(work.arms.begin(), work.arms.end(), is_attack);
  const ArmWork* longest = nullptr;
  for (const ArmWork& arm : work.arms) {
    if (arm.kind == "no-op" || (has_attack && !is_attack(arm))) continue;
    if (longest == nullptr || arm.training_tokens * longest->runs > longest->training_tokens * arm.runs) longest = &arm;
  }
  if (longest == nullptr) return;
  // Nothing of a given adapter is drawn by a seed: it is measured once.
  // Each model has its own worst cell.
  work.confirming_runs =
      work.models * (longest->training_tokens > 0 ? static_cast<std::int64_t>(plan.confirmation.seeds.size()) : 1);
  work.confirming_tokens = work.confirming_runs * longest->training_tokens / longest->runs;
  work.confirming_targets = work.confirming_runs * longest->target_tokens / longest->runs;
}

}  // namespace

std::int64_t PlanWork::measurements() const {
  return sum(benchmarks, [](const BenchmarkWork& one) { return one.cells; });
}
std::int64_t PlanWork::answers() const {
  return sum(benchmarks, [](const BenchmarkWork& one) { return one.answers(); });
}
std::int64_t PlanWork::prompt_tokens() const {
  return sum(benchmarks, [](const BenchmarkWork& one) { return one.prompt_tokens * one.samples * one.cells; });
}
std::int64_t PlanWork::scored_tokens() const {
  return sum(benchmarks, [](const BenchmarkWork& one) { return one.scored_tokens * one.cells; });
}
std::int64_t PlanWork::most_answer_tokens() const {
  return sum(benchmarks, [](const BenchmarkWork& one) { return one.answers() * one.answer_limit; });
}
std::int64_t PlanWork::training_tokens() const {
  std::int64_t total = confirming_tokens;
  for (const ArmWork& arm : arms) total += arm.training_tokens;
  return total;
}
std::int64_t PlanWork::target_tokens() const {
  std::int64_t total = confirming_targets;
  for (const ArmWork& arm : arms) total += arm.target_tokens;
  return total;
}

std::int64_t answer_limit(const Plan& plan, const LoadedBenchmark& one) {
  if (one.benchmark.kind == Kind::kChoice) return 0;
  return one.plan->max_new_tokens > 0       ? one.plan->max_new_tokens
         : one.benchmark.max_new_tokens > 0 ? one.benchmark.max_new_tokens
                                            : plan.generation.max_new_tokens;
}

PlanWork work_of(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks) {
  PlanWork work;
  work.models = plan.safeguarded.path.empty() ? 1 : 2;
  RowReader reader(plan);
  for (const ArmPlan& arm : plan.arms) work.arms.push_back(arm_work(arm, reader, work.models));
  count_confirmation(plan, work);
  std::int64_t ends = work.models, all = work.models;
  for (const ArmWork& arm : work.arms) {
    ends += arm.runs;
    all += arm.runs * static_cast<std::int64_t>(arm.checkpoints.size());
  }
  work.cells = all + work.confirming_runs;
  for (const LoadedBenchmark& one : benchmarks) {
    BenchmarkWork entry{.name = one.benchmark.name, .kind = evaluation::kind_name(one.benchmark.kind)};
    entry.is_choice = one.benchmark.kind == Kind::kChoice;
    entry.is_held_out = one.is_held_out;
    entry.items = static_cast<std::int64_t>(one.benchmark.items.size());
    entry.samples = entry.is_choice ? 1 : plan.generation.samples;
    entry.cells = entry.is_held_out ? work.models + work.confirming_runs : one.plan->at == "all" ? all : ends;
    entry.answer_limit = answer_limit(plan, one);
    count_tokens(plan, one, entry);
    if (one.benchmark.kind == Kind::kRefusal || one.benchmark.kind == Kind::kSafe) {
      // A model that refuses what it should answers what it should: both start near their good end.
      const evaluation::Design design{.samples = entry.samples};
      entry.detectable = evaluation::detectable_difference(design, entry.items);
    }
    work.benchmarks.push_back(std::move(entry));
  }
  return work;
}

}  // namespace holdfast::assessment
