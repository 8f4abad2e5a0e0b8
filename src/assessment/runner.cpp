#include "assessment/runner.h"

#include <algorithm>
#include <optional>

#include "assessment/arm_data.h"
#include "assessment/confirmation.h"
#include "assessment/four_numbers.h"
#include "assessment/inputs.h"
#include "assessment/journal.h"
#include "assessment/judging.h"
#include "assessment/ledger.h"
#include "assessment/live_view.h"
#include "assessment/overlap_scan.h"
#include "assessment/result_calibration.h"
#include "assessment/results.h"
#include "assessment/runner_arms.h"
#include "base/digests.h"
#include "base/directory_lock.h"
#include "base/error.h"
#include "base/log.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::vector<ArmRun> runs_of(const Plan& plan, bool is_safeguarded) {
  std::vector<ArmRun> runs;
  for (const ArmPlan& arm : plan.arms) {
    for (const std::int64_t seed : arm.seeds)
      runs.push_back({&arm, seed, is_safeguarded ? safeguarded_name(arm.name) : arm.name, arm.checkpoints, false});
  }
  return runs;
}

class Runner {
 public:
  Runner(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, Journal& journal, const RunOptions& options,
         LiveView& progress)
      : plan_(plan),
        benchmarks_(benchmarks),
        journal_(journal),
        options_(options),
        progress_(progress),
        arms_(plan, benchmarks, journal, progress_, options.cache, kBase.arm) {}

  void run() {
    std::vector<evaluation::Benchmark> items;
    for (const LoadedBenchmark& one : benchmarks_) items.push_back(one.benchmark);
    journal_.add_items(items);
    const bool has_second = !plan_.safeguarded.path.empty();
    const std::vector<ArmRun> runs = runs_of(plan_, false),
                              second_runs = has_second ? runs_of(plan_, true) : std::vector<ArmRun>();
    add_cells(kBase, runs);  // outputs list cells in this order, whichever is measured first
    if (has_second) add_cells(kSecondBase, second_runs);

    Plan second_plan = has_second ? safeguarded_plan(plan_) : Plan();
    ArmRunner second(second_plan, benchmarks_, journal_, progress_, options_.cache, kSafeguarded);
    arms_.expect(Place::kBase, kBase.arm);
    arms_.expect(runs);
    if (has_second) {
      second.expect(Place::kBase, kSafeguarded);
      second.expect(second_runs);
    }
    if (journal_.is_resumed()) progress_.add_measured(journal_);
    arms_.run(runs, Untouched{kBase, Place::kBase});
    confirm(arms_, ModelOf::kAssessed);
    arms_.drop();
    if (!has_second) return;
    second.run(second_runs, Untouched{kSecondBase, Place::kBase});
    confirm(second, ModelOf::kSafeguarded);
  }

 private:
  void add_cells(const CellKey& base, const std::vector<ArmRun>& runs) {
    journal_.add_cell(base);
    for (const ArmRun& run : runs) {
      for (const std::int64_t checkpoint : run.checkpoints) journal_.add_cell(run.cell(checkpoint));
    }
  }

  // The cell of a model that is confirmed: chosen once, then read off the journal.
  std::optional<WorstCell> choose(ArmRunner& runner, ModelOf model) {
    const ordered_json identity = journal_.identity();
    for (const CellKey& cell : journal_.cells()) {
      if (is_confirming(identity, cell, model)) return WorstCell{cell.arm, cell.step, 0};
    }
    const std::string judge = confirming_judge(journal_, identity);
    if (journal_.num_unjudged(judge, false) > 0) {
      runner.drop();  // a judge may need the memory
      judge_pending(journal_, *benchmarks_.front().catalogue,
                    {.cache = options_.cache, .only = judge, .view = &progress_});
    }
    return worst_cell(read_series(journal_, identity["kinds"]), identity, model);
  }

  void confirm(ArmRunner& runner, ModelOf model) {
    if (plan_.confirmation.benchmark.empty()) return;
    const auto worst = choose(runner, model);
    if (!worst) return;
    const auto arm = std::find_if(plan_.arms.begin(), plan_.arms.end(), [&](const ArmPlan& one) {
      return (model == ModelOf::kAssessed ? one.name : safeguarded_name(one.name)) == worst->arm;
    });
    HOLDFAST_ASSERT(arm != plan_.arms.end());
    std::vector<ArmRun> runs;
    for (const std::int64_t seed : plan_.confirmation.seeds) {
      runs.push_back({&*arm, seed, worst->arm, {worst->step}, true});
      if (!arm->adapter.empty()) break;  // nothing is trained, so another seed would say the same
    }
    for (const ArmRun& run : runs) journal_.add_cell(run.cell(worst->step));
    runner.expect(runs);
    runner.run(runs);
  }

  inline static const CellKey kBase{"base", 0, 0}, kSecondBase{kSafeguarded, 0, 0};

  const Plan& plan_;
  const std::vector<LoadedBenchmark>& benchmarks_;
  Journal& journal_;
  const RunOptions& options_;
  LiveView& progress_;
  ArmRunner arms_;
};

void check_lengths_of_models(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks) {
  check_lengths(plan, benchmarks);
  if (!plan.safeguarded.path.empty()) check_lengths(safeguarded_plan(plan), benchmarks);
}

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

void run_plan(const Plan& given, const fs::path& directory, const RunOptions& options) {
  CostMeter::of_process().restart();
  const Plan plan = with_token_checkpoints(given);
  const auto benchmarks = load_benchmarks(plan);
  std::optional<LiveView> own;
  LiveView& view = options.view != nullptr
                       ? *options.view
                       : own.emplace(LiveOptions{.command = "assess", .is_shown = options.show_progress});
  view.phase("reading the model's files");
  Digests digests(options.cache.empty() ? fs::path() : options.cache / "digests.json");
  const ordered_json identity = identity_of(plan, benchmarks, digests);
  view.clear();
  ordered_json calibration;
  if (!plan.calibration.empty()) calibration = read_calibration(plan.calibration, identity);
  if (options.moves_aside) move_aside(directory, identity);
  Journal journal = Journal::open(directory, identity);
  if (!calibration.is_null() && journal.calibration() != calibration) journal.set_calibration(calibration);
  digests.save();  // the directory is known to be the run's
  log_note(precision_policy(identity));
  const std::string missing = plan.arms.empty() ? "" : four_numbers(benchmarks).warning();
  if (!missing.empty() && !journal.is_finished()) log_warning("[assess] " + missing);
  if (!journal.is_finished() && journal.overlap().is_null()) journal.set_overlap(overlap_of(plan, benchmarks));
  if (!journal.is_finished()) {
    check_lengths_of_models(plan, benchmarks);
    for (const std::string& warning : cut_warnings(identity)) log_warning("[benchmark] " + warning);
  }
  if (!journal.is_finished())
    Runner(plan, benchmarks, journal, options, view).run();  // and gives the model's memory back
  if (!benchmarks.empty())
    judge_pending(journal, *benchmarks.front().catalogue,
                  {.show_progress = options.show_progress, .cache = options.cache, .view = &view});
  view.phase("writing the report");
  finish_outputs(journal, directory);
}

}  // namespace holdfast::assessment
