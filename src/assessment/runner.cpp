#include "assessment/runner.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "assessment/costs.h"
#include "assessment/inputs.h"
#include "assessment/journal.h"
#include "assessment/judging.h"
#include "assessment/ledger.h"
#include "assessment/overlap_scan.h"
#include "assessment/result_calibration.h"
#include "assessment/results.h"
#include "assessment/subject.h"
#include "base/digests.h"
#include "base/directory_lock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/progress.h"
#include "training/trainer.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;
using evaluation::Kind;
using nlohmann::ordered_json;

void check_stop() {
  if (const int signal = requested_stop(); signal != 0)
    throw Interrupted(signal, "interrupted; what was finished is in the journal, the same command goes on from there");
}

training::TrainOptions train_options(const ArmPlan& arm, std::int64_t seed) {
  training::TrainOptions options;
  options.learning_rate = arm.lr;
  options.schedule = training::parse_schedule(arm.schedule);
  options.warmup_steps = arm.warmup_steps;
  options.total_steps = arm.steps;
  options.adamw.weight_decay = arm.weight_decay;
  options.max_grad_norm = arm.max_grad_norm;
  options.router_aux_loss = arm.router_aux_loss;
  options.rows_per_step = arm.rows_per_step;
  options.tokens_per_step = arm.tokens_per_step;
  options.order = arm.order == "file" ? training::RowOrder::kFile : training::RowOrder::kSeeded;
  options.seed = static_cast<std::uint64_t>(seed);
  return options;
}

class Runner {
 public:
  Runner(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, Journal& journal, const RunOptions& options)
      : plan_(plan), benchmarks_(benchmarks), journal_(journal), progress_(options.show_progress) {
    expect_work();
    progress_.phase("loading the model");
    subject_ = std::make_unique<Subject>(plan, benchmarks, options.cache);
    journal_.record_phase(CostMeter::of_process().take("load", "base"));
    journal_.set_cost_basis(cost_basis(plan, subject_->decoder().config()));
    std::vector<evaluation::Benchmark> items;
    for (const LoadedBenchmark& one : benchmarks_) items.push_back(one.benchmark);
    journal_.add_items(items);
  }

  void run() {
    journal_.add_cell({"base", 0, 0});
    for (const ArmPlan& arm : plan_.arms) {  // outputs list cells in this order, whichever is measured first
      for (const std::int64_t seed : arm.seeds) {
        for (const std::int64_t checkpoint : arm.checkpoints) journal_.add_cell({arm.name, seed, checkpoint});
      }
    }
    measure({"base", 0, 0}, nullptr, true);
    std::vector<std::unique_ptr<Training>> waiting;
    for (const ArmPlan& arm : plan_.arms) {
      for (const std::int64_t seed : arm.seeds) {
        if (auto training = run_arm(arm, seed)) waiting.push_back(std::move(training));
      }
    }
    train_all(std::move(waiting));
  }

 private:
  // Guesses of what a unit costs beside the others: an answer 1, a scored item half, a training row three quarters.
  void expect_work() {
    for (const LoadedBenchmark& one : benchmarks_) {
      const bool is_everywhere = one.plan->at == "all";
      std::size_t cells = 1;
      for (const ArmPlan& arm : plan_.arms) cells += arm.seeds.size() * (is_everywhere ? arm.checkpoints.size() : 1);
      progress_.expect(one.benchmark.name, static_cast<double>(cells * one.benchmark.items.size()) * num_samples(one),
                       one.benchmark.kind == Kind::kChoice ? 0.5 : 1);
    }
    for (const ArmPlan& arm : plan_.arms)
      progress_.expect(work_of(arm), static_cast<double>(arm.steps) * static_cast<double>(arm.seeds.size()),
                       arm.tokens_per_step > 0 ? static_cast<double>(arm.tokens_per_step) / 60
                                               : 0.75 * static_cast<double>(arm.rows_per_step));
  }
  static std::string work_of(const ArmPlan& arm) { return "arm " + arm.name; }

  // Log-likelihoods are the same every time: one sample says all.
  double num_samples(const LoadedBenchmark& one) const { return static_cast<double>(samples_of(one)); }
  std::int64_t samples_of(const LoadedBenchmark& one) const {
    return one.benchmark.kind == Kind::kChoice ? 1 : plan_.generation.samples;
  }
  std::int64_t num_waves(const LoadedBenchmark& one) const {
    return (static_cast<std::int64_t>(one.benchmark.items.size()) + plan_.generation.wave - 1) / plan_.generation.wave;
  }

  // Calls visit(key, benchmark) for every wave of a cell, in plan order, while it gives true.
  template <typename Visit>
  bool each_wave(const CellKey& cell, bool is_end, Visit&& visit) {
    for (const LoadedBenchmark& one : benchmarks_) {
      if (!is_end && one.plan->at == "ends") continue;
      for (std::int64_t sample = 0; sample < samples_of(one); ++sample) {
        for (std::int64_t wave = 0; wave < num_waves(one); ++wave) {
          if (!visit(WaveKey{cell, one.benchmark.name, sample, wave}, one)) return false;
        }
      }
    }
    return true;
  }

  // An arm and seed that is trained, with the checkpoint that it trains to next.
  struct Training {
    const ArmPlan& arm;
    std::int64_t seed;
    model::Adapter adapter;
    training::Dataset dataset;
    std::optional<training::Trainer> trainer;
    std::size_t next_checkpoint = 0;
    std::int64_t checkpoint() const { return arm.checkpoints[next_checkpoint]; }
    bool is_done() const { return next_checkpoint == arm.checkpoints.size(); }
  };

  // Measures what needs no training; gives back what does.
  std::unique_ptr<Training> run_arm(const ArmPlan& arm, std::int64_t seed) {
    if (is_measured(arm, seed)) {
      for (const std::int64_t checkpoint : arm.checkpoints)
        measure({arm.name, seed, checkpoint}, nullptr, checkpoint == arm.steps);  // skips every wave
      progress_.skip(static_cast<double>(arm.steps), work_of(arm));
      return nullptr;
    }
    const model::Decoder& decoder = subject_->decoder();
    if (!arm.adapter.empty()) {
      const model::Adapter adapter = model::Adapter::load(decoder.config(), arm.adapter);
      measure({arm.name, seed, 0}, &adapter, true);
      return nullptr;
    }
    checkpoint::AdapterConfig adapter_config;
    adapter_config.rank = arm.rank;
    adapter_config.alpha = arm.alpha;
    adapter_config.target_modules = arm.targets;
    model::Adapter adapter = model::Adapter::fresh(decoder.config(), adapter_config, static_cast<std::uint64_t>(seed));
    if (arm.steps > 0) return std::unique_ptr<Training>(new Training{arm, seed, std::move(adapter), {}, {}, 0});
    measure({arm.name, seed, 0}, &adapter, true);
    return nullptr;
  }

  // Trains in shared passes, as many at a time as memory has room for; which ones changes nothing in the results.
  void train_all(std::vector<std::unique_ptr<Training>> waiting) {
    while (!waiting.empty()) {
      std::vector<std::unique_ptr<Training>> group;
      std::int64_t bytes = 0;
      const std::int64_t room = available_memory_bytes() / 4;
      while (!waiting.empty()) {
        const Training& next = *waiting.front();
        constexpr std::int64_t kCopies = 4;  // weights, gradient and two moments
        bytes += kCopies * static_cast<std::int64_t>(next.adapter.flat().nbytes());
        const bool must_be_alone = next.arm.router_aux_loss > 0;
        if (!group.empty() && (must_be_alone || bytes > room)) break;
        group.push_back(std::move(waiting.front()));
        waiting.erase(waiting.begin());
        if (must_be_alone) break;
      }
      train_group(group);
    }
  }

  void train_group(const std::vector<std::unique_ptr<Training>>& group) {
    for (const auto& one : group) {
      one->dataset = load_rows(one->arm);
      one->trainer.emplace(subject_->decoder(), one->adapter, one->dataset, train_options(one->arm, one->seed));
    }
    for (;;) {
      std::vector<Training*> active;
      for (const auto& one : group) {
        while (!one->is_done() && one->trainer->num_steps() == one->checkpoint()) {
          measure({one->arm.name, one->seed, one->checkpoint()}, &one->adapter, one->checkpoint() == one->arm.steps);
          ++one->next_checkpoint;
        }
        if (!one->is_done()) active.push_back(one.get());
      }
      if (active.empty()) return;
      train_step(active);
    }
  }

  training::Dataset load_rows(const ArmPlan& arm) {
    training::Dataset dataset = subject_->load_rows(arm.data);
    if (dataset.num_cut > 0 || dataset.num_without_targets > 0) {
      progress_.clear();
      log_warning("[assess] " + arm.data + ": " + std::to_string(dataset.num_cut) +
                  " rows too long for the model were cut, " + std::to_string(dataset.num_without_targets) +
                  " rows without an answer left out");
    }
    return dataset;
  }

  bool is_measured(const ArmPlan& arm, std::int64_t seed) {
    return std::all_of(arm.checkpoints.begin(), arm.checkpoints.end(), [&](std::int64_t checkpoint) {
      const CellKey cell{arm.name, seed, checkpoint};
      journal_.add_cell(cell);
      return each_wave(cell, checkpoint == arm.steps,
                       [&](const WaveKey& key, const LoadedBenchmark&) { return journal_.has_wave(key); });
    });
  }

  void train_step(const std::vector<Training*>& active) {
    check_stop();
    subject_->forget_beginnings();
    const Training& first = *active.front();
    progress_.phase("training " + first.arm.name + ", step " + std::to_string(first.trainer->num_steps() + 1) + " of " +
                    std::to_string(first.arm.steps) +
                    (active.size() == 1 ? "" : ", and " + std::to_string(active.size() - 1) + " beside it"));
    std::vector<training::Trainer*> trainers;
    for (Training* one : active) trainers.push_back(&*one->trainer);
    const auto reports = training::Trainer::step_together(trainers);
    std::vector<std::pair<std::string, PhaseTokens>> worked;
    for (std::size_t i = 0; i < active.size(); ++i)
      worked.push_back({active[i]->arm.name, {reports[i].tokens, reports[i].tokens, reports[i].target_tokens}});
    const auto costs = CostMeter::of_process().take_shared("train", worked);
    for (std::size_t i = 0; i < active.size(); ++i) {
      const training::StepReport& r = reports[i];
      journal_.commit_step(active[i]->arm.name, active[i]->seed,
                           {r.step, r.loss, r.grad_norm, r.learning_rate, r.tokens, r.target_tokens}, costs[i]);
      progress_.advance(1, work_of(active[i]->arm));
    }
  }

  void measure(const CellKey& cell, const model::Adapter* adapter, bool is_end) {
    journal_.add_cell(cell);
    each_wave(cell, is_end, [&](const WaveKey& key, const LoadedBenchmark& one) {
      const auto begin = static_cast<std::size_t>(key.number * plan_.generation.wave);
      const std::size_t end =
          std::min(one.benchmark.items.size(), begin + static_cast<std::size_t>(plan_.generation.wave));
      if (journal_.has_wave(key)) {
        progress_.skip(static_cast<double>(end - begin), key.benchmark);
        return true;
      }
      check_stop();
      progress_.phase("measuring " + cell.arm + " at step " + std::to_string(cell.step) + " on " + key.benchmark);
      const WaveResult result = subject_->measure(one, begin, end, key.sample, cell.arm, adapter);
      journal_.commit_wave(key, result.answers, result.costs);
      progress_.advance(static_cast<double>(end - begin), key.benchmark);
      return true;
    });
  }

  const Plan& plan_;
  const std::vector<LoadedBenchmark>& benchmarks_;
  Journal& journal_;
  std::unique_ptr<Subject> subject_;
  Progress progress_;
};

// Renames a run of another plan or program to DIRECTORY.1, .2, ...
void move_aside(const fs::path& directory, const ordered_json& identity) {
  std::string reason;
  try {
    const auto differences = Journal::differences(directory, identity);
    if (differences.empty()) return;
    reason = "its " + differences.front() + " differs";
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kBadFile) throw;
    reason = "its journal cannot be read";
  }
  const DirectoryLock lock(directory, "journal");
  fs::path aside;
  for (int i = 1; aside.empty() || fs::exists(aside); ++i) aside = directory.string() + "." + std::to_string(i);
  std::error_code error;
  fs::rename(directory, aside, error);
  HOLDFAST_CHECK(kMachine, !error, "[demo] cannot move ", directory.string(), " to ", aside.string(), ": ",
                 error.message(), "; try another -o");
  log_warning("moved an earlier run to " + aside.string() + ": " + reason);
}

}  // namespace

void run_plan(const Plan& plan, const fs::path& directory, const RunOptions& options) {
  CostMeter::of_process().restart();
  const auto benchmarks = load_benchmarks(plan);
  Digests digests(options.cache.empty() ? fs::path() : options.cache / "digests.json");
  const ordered_json identity = identity_of(plan, benchmarks, digests);
  ordered_json calibration;
  if (!plan.calibration.empty()) calibration = read_calibration(plan.calibration, identity);
  if (options.moves_aside) move_aside(directory, identity);
  Journal journal = Journal::open(directory, identity);
  if (!calibration.is_null() && journal.calibration() != calibration) journal.set_calibration(calibration);
  digests.save();  // the directory is known to be the run's
  log_note(precision_policy(identity));
  if (!journal.is_finished() && journal.overlap().is_null()) journal.set_overlap(overlap_of(plan, benchmarks));
  if (!journal.is_finished()) Runner(plan, benchmarks, journal, options).run();  // and gives the model's memory back
  if (!benchmarks.empty())
    judge_pending(journal, *benchmarks.front().catalogue,
                  {.show_progress = options.show_progress, .cache = options.cache});
  finish_outputs(journal, directory);
}

}  // namespace holdfast::assessment
