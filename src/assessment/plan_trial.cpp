#include "assessment/plan_trial.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "assessment/arm_data.h"
#include "assessment/plan_work.h"
#include "assessment/subject.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/machine_rates.h"
#include "base/memory.h"
#include "training/trainer.h"

namespace holdfast::assessment {
namespace {

using evaluation::Kind;

// How much larger the next measurement may be: a guess of its time has this to be wrong by.
constexpr std::int64_t kGrowth = 4;
constexpr double kSeenMargin = 1.5;
constexpr double kLeastSeconds = 0.02;  // below it a time says little

void check_stop() {
  if (const int signal = requested_stop(); signal != 0) throw Interrupted(signal, "interrupted; nothing was written");
}

// Evenly spread over the file, whose order is often one of categories.
std::vector<evaluation::Item> spread_items(const std::vector<evaluation::Item>& items, std::int64_t count) {
  std::vector<evaluation::Item> some;
  const auto size = static_cast<std::int64_t>(items.size());
  for (std::int64_t i = 0; i < count; ++i) some.push_back(items[static_cast<std::size_t>(i * size / count)]);
  return some;
}

class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// One measurement of a benchmark's wave.
struct Timed {
  std::int64_t items = 0, limit = 0;  // limit: tokens of an answer; 0: scored
  double seconds = 0;
  std::int64_t tokens = 0, answer_tokens = 0, cut = 0;  // tokens: with prompts; cut: answers that met the limit
};

class Trial {
 public:
  Trial(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, const std::filesystem::path& cache)
      : plan_(plan), benchmarks_(benchmarks) {
    const Stopwatch watch;
    subject_ = std::make_unique<Subject>(plan, benchmarks, cache);
    trial_.load_seconds = watch.seconds();
  }

  PlanTrial run(double budget) {
    const Stopwatch watch;
    trial_.peak_flops = 1e9 * fma_peak_gflops(at::get_num_threads());
    const bool trains =
        std::any_of(plan_.arms.begin(), plan_.arms.end(), [](const ArmPlan& arm) { return arm.steps > 0; });
    // Training's share is a third; a benchmark takes half of what is left then, and the last one all.
    double left = budget - watch.seconds();
    if (trains) time_training(left / 3);
    set_adapter();
    const auto order = timing_order();
    for (std::size_t i = 0; i < order.size(); ++i) {
      left = std::max(0.0, budget - watch.seconds());
      time_benchmark(*order[i], left / std::min(2.0, static_cast<double>(order.size() - i)));
    }
    for (const LoadedBenchmark* one : order) lean_on_others(*one);
    trial_.seconds = watch.seconds();
    trial_.peak_memory_bytes = peak_memory_bytes();
    return trial_;
  }

 private:
  // Most cells are measured with an adapter, whose products take time of their own.
  void set_adapter() {
    for (const ArmPlan& arm : plan_.arms) {
      if (arm.kind == "no-op") continue;
      if (arm.adapter.empty()) {
        adapter_ = std::make_unique<model::Adapter>(fresh_adapter(arm, arm.seeds.front()));
      } else {
        adapter_ = std::make_unique<model::Adapter>(model::Adapter::load(subject_->decoder().config(), arm.adapter));
      }
      return;
    }
  }

  model::Adapter fresh_adapter(const ArmPlan& arm, std::int64_t seed) {
    checkpoint::AdapterConfig config;
    config.rank = arm.rank;
    config.alpha = arm.alpha;
    config.target_modules = arm.targets;
    return model::Adapter::fresh(subject_->decoder().config(), config, static_cast<std::uint64_t>(seed));
  }

  static bool is_choice(const LoadedBenchmark& one) { return one.benchmark.kind == Kind::kChoice; }

  // The largest benchmark that is answered and the largest that is scored, and then the others.
  std::vector<const LoadedBenchmark*> timing_order() const {
    std::vector<const LoadedBenchmark*> order;
    for (const bool scored : {false, true}) {
      const LoadedBenchmark* largest = nullptr;
      for (const LoadedBenchmark& one : benchmarks_) {
        if (is_choice(one) != scored) continue;
        if (largest == nullptr || one.benchmark.items.size() > largest->benchmark.items.size()) largest = &one;
      }
      if (largest != nullptr) order.push_back(largest);
    }
    for (const LoadedBenchmark& one : benchmarks_) {
      if (std::find(order.begin(), order.end(), &one) == order.end()) order.push_back(&one);
    }
    return order;
  }

  // What was measured small is reckoned, token for token, from a benchmark of its kind that was measured larger.
  void lean_on_others(const LoadedBenchmark& one) {
    ItemRate& rate = trial_.items[one.benchmark.name];
    if (rate.is_whole) return;
    const LoadedBenchmark* best = nullptr;
    for (const LoadedBenchmark& other : benchmarks_) {
      if (is_choice(other) == is_choice(one) &&
          timed_tokens_[other.benchmark.name] > timed_tokens_[(best == nullptr ? one : *best).benchmark.name])
        best = &other;
    }
    if (best == nullptr) return;
    const ItemRate& from = trial_.items[best->benchmark.name];
    const double prompt = rate.tokens - rate.answer_tokens;
    const auto limit = static_cast<double>(answer_limit(plan_, one));
    if (from.is_whole) rate.answer_tokens = std::min(limit, from.answer_tokens);
    const double per_token = from.seconds / from.tokens;
    rate.tokens = prompt + rate.answer_tokens;
    rate.seconds = per_token * rate.tokens;
    rate.most_seconds = per_token * (prompt + limit);
    rate.flops_per_second = from.flops_per_second;
  }

  Timed time_wave(const LoadedBenchmark& one, std::int64_t items, std::int64_t limit) {
    check_stop();
    BenchmarkPlan part_plan = *one.plan;
    part_plan.max_new_tokens = limit;
    LoadedBenchmark part{{}, &part_plan, one.judges, one.catalogue};
    part.benchmark.name = one.benchmark.name;
    part.benchmark.kind = one.benchmark.kind;
    part.benchmark.metrics = one.benchmark.metrics;
    part.benchmark.stop = one.benchmark.stop;
    part.benchmark.items = spread_items(one.benchmark.items, items);
    subject_->forget_beginnings();
    const Stopwatch watch;
    const Asked asked[] = {{"base", adapter_.get()}};
    const WaveResult result = subject_->measure(part, 0, static_cast<std::size_t>(items), 0, asked).front();
    Timed timed{.items = items, .limit = limit, .seconds = std::max(1e-9, watch.seconds())};
    for (const StoredAnswer& answer : result.answers) {
      timed.tokens += static_cast<std::int64_t>(answer.prompt_ids.size()) + answer.tokens;
      timed.answer_tokens += answer.tokens;
      timed.cut += answer.is_truncated ? 1 : 0;
    }
    return timed;
  }

  // Larger and larger, until it is a whole wave with whole answers, or the next would take too long.
  void time_benchmark(const LoadedBenchmark& one, double budget) {
    const Stopwatch watch;
    const std::int64_t limit = answer_limit(plan_, one);
    const std::int64_t wave =
        std::min<std::int64_t>(plan_.generation.wave, static_cast<std::int64_t>(one.benchmark.items.size()));
    const auto is_whole = [&](const Timed& timed) {
      return timed.items == wave && (timed.limit == limit || timed.cut == 0);
    };
    Timed before, now = time_wave(one, 1, std::min<std::int64_t>(limit, 4));
    if (now.seconds < budget / 8) now = time_wave(one, now.items, now.limit);  // the first one warms up
    while (!is_whole(now)) {
      Timed next = now;
      if (now.items < wave) {
        next.items = std::min(wave, now.items * kGrowth);
      } else {
        next.limit = std::min(limit, now.limit * kGrowth);
      }
      const double growth = static_cast<double>(next.items * std::max<std::int64_t>(1, next.limit)) /
                            static_cast<double>(now.items * std::max<std::int64_t>(1, now.limit));
      // What grew so before tells more than that it may grow as the work does.
      const double seen = before.items > 0 ? kSeenMargin * now.seconds / before.seconds : growth;
      if (std::max(kLeastSeconds, now.seconds * std::min(growth, seen)) > budget - watch.seconds()) break;
      before = now;
      now = time_wave(one, next.items, next.limit);
    }
    timed_tokens_[one.benchmark.name] = now.tokens;
    trial_.items[one.benchmark.name] = rate_of(now, before, limit, is_whole(now));
  }

  ItemRate rate_of(const Timed& now, const Timed& before, std::int64_t limit, bool is_whole) const {
    const auto items = static_cast<double>(now.items);
    // A further token of an answer takes less than those so far, which the prompts have paid for.
    double per_token = now.seconds / static_cast<double>(std::max<std::int64_t>(1, now.answer_tokens));
    if (before.items == now.items && now.answer_tokens > before.answer_tokens && now.seconds > before.seconds)
      per_token = (now.seconds - before.seconds) / static_cast<double>(now.answer_tokens - before.answer_tokens);
    // What met this measurement's limit is taken to go on to the run's own.
    const double more =
        static_cast<double>(now.cut) * static_cast<double>(std::max<std::int64_t>(0, limit - now.limit));
    const double most = items * static_cast<double>(limit) - static_cast<double>(now.answer_tokens);
    const model::Decoder& decoder = subject_->decoder();
    const double flops = static_cast<double>(now.tokens) * decoder.linear_flops_per_token() +
                         static_cast<double>(now.answer_tokens) * decoder.head_flops_per_token();
    ItemRate rate;
    rate.seconds = (now.seconds + more * per_token) / items;
    rate.most_seconds = limit > 0 ? std::max(rate.seconds, (now.seconds + most * per_token) / items) : rate.seconds;
    rate.answer_tokens = limit > 0 ? (static_cast<double>(now.answer_tokens) + more) / items : 0;
    rate.tokens = (static_cast<double>(now.tokens) + more) / items;
    rate.flops_per_second = flops / now.seconds;
    rate.is_whole = is_whole;
    return rate;
  }

  // Runs that train, each with what it holds; the adapters and datasets stay where they are.
  struct Training {
    model::Adapter adapter;
    const training::Dataset* dataset;
    training::TrainOptions options;
  };

  void time_training(double budget) {
    const Stopwatch watch;
    RowFiles files([this](const std::string& path) { return subject_->load_rows(path); });
    std::vector<Rows> datasets;  // that the runs look at
    std::vector<Training> runs;
    std::int64_t bytes = 0;
    const std::int64_t room = available_memory_bytes() / 4;
    constexpr std::int64_t kCopies = 4;  // weights, gradient and two moments
    for (const ArmPlan& arm : plan_.arms) {
      if (arm.steps == 0 || (arm.router_aux_loss > 0 && !runs.empty())) continue;
      Rows dataset = files.rows(arm, arm.seeds.front());
      for (const std::int64_t seed : arm.seeds) {
        model::Adapter adapter = fresh_adapter(arm, seed);
        bytes += kCopies * static_cast<std::int64_t>(adapter.flat().nbytes());
        if (!runs.empty() && bytes > room) break;
        runs.push_back({std::move(adapter), dataset.get(), train_options(arm, seed)});
        if (arm.router_aux_loss > 0) break;
      }
      datasets.push_back(std::move(dataset));
      if (arm.router_aux_loss > 0 || bytes > room) break;
    }
    if (runs.empty()) return;
    const auto work_of_step = [](const Training& run) {
      return run.options.tokens_per_step > 0 ? static_cast<double>(run.options.tokens_per_step) / 100
                                             : static_cast<double>(run.options.rows_per_step);
    };
    // One row, then one run's step, then all runs together.
    double rows = 1, seconds = time_steps(runs, 1, true, 1);
    for (const std::size_t count : {std::size_t{1}, runs.size()}) {
      double next = 0;
      for (std::size_t i = 0; i < count; ++i) next += work_of_step(runs[i]);
      if (seconds * next / rows * 2 > budget - watch.seconds()) break;
      trial_.is_whole_step = count == runs.size();
      seconds = time_steps(runs, count, false, 2);
      rows = next;
      if (runs.size() == 1) break;
    }
  }

  // Seconds of one step of the first `count` runs together, of one row each or as many as they train on.
  double time_steps(std::vector<Training>& runs, std::size_t count, bool is_one_row, int steps) {
    std::vector<training::Trainer> trainers;
    trainers.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      training::TrainOptions options = runs[i].options;
      if (is_one_row) {
        options.rows_per_step = 1;
        options.tokens_per_step = 0;
      }
      trainers.emplace_back(subject_->decoder(), runs[i].adapter, *runs[i].dataset, options);
    }
    std::vector<training::Trainer*> all;
    for (training::Trainer& one : trainers) all.push_back(&one);
    std::int64_t tokens = 0, targets = 0;
    const Stopwatch watch;
    for (int step = 0; step < steps; ++step) {
      check_stop();
      for (const training::StepReport& report : training::Trainer::step_together(all)) {
        tokens += report.tokens;
        targets += report.target_tokens;
      }
    }
    const double seconds = std::max(1e-9, watch.seconds());
    const model::Decoder& decoder = subject_->decoder();
    trial_.train_seconds_per_token = seconds / static_cast<double>(tokens);
    trial_.train_flops_per_second = 2 *
                                    (static_cast<double>(tokens) * decoder.linear_flops_per_token() +
                                     static_cast<double>(targets) * decoder.head_flops_per_token()) /
                                    seconds;
    return seconds / steps;
  }

  const Plan& plan_;
  const std::vector<LoadedBenchmark>& benchmarks_;
  PlanTrial trial_;
  std::map<std::string, std::int64_t> timed_tokens_;  // of the largest measurement, by benchmark
  std::unique_ptr<Subject> subject_;
  std::unique_ptr<model::Adapter> adapter_;
};

}  // namespace

PlanTrial try_plan(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, const std::filesystem::path& cache,
                   double budget_seconds) {
  return Trial(plan, benchmarks, cache).run(budget_seconds);
}

}  // namespace holdfast::assessment
