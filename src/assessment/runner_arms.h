// The arms of one model: trained step by step in shared passes and measured wave by wave, into the journal.
//
// Cells that wait at the same time are measured together: a wave of a benchmark is put to several adapters in shared
// passes through the base, each answering as it does alone, and is committed for each of them.  The arm that trains
// nothing is measured apart from the untouched model, which it is the control of.
// The model is loaded when something is left to do with it, so that a run whose answers are all there loads none.
// Adapters live in memory and are dropped when their last checkpoint is measured.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assessment/arm_data.h"
#include "assessment/inputs.h"
#include "assessment/journal.h"
#include "assessment/live_view.h"
#include "assessment/plan.h"
#include "assessment/subject.h"

namespace holdfast::assessment {

// Where in a run a cell stands, which says what is measured there.
enum class Place { kBase, kCheckpoint, kEnd, kConfirmation };

// Prompts held out at the untouched model and at confirming cells; of the others, those for the ends alone not at
// checkpoints, and none at confirming cells.
bool is_measured_at(const LoadedBenchmark& one, Place place);

// An arm trained with a seed, and the cells that come of it.
struct ArmRun {
  const ArmPlan* arm = nullptr;
  std::int64_t seed = 0;
  std::string name;                       // of the cells
  std::vector<std::int64_t> checkpoints;  // where it is measured; the training ends at the last
  bool is_confirmation = false;

  CellKey cell(std::int64_t checkpoint) const { return {name, seed, checkpoint}; }
  Place place(std::int64_t checkpoint) const {
    if (is_confirmation) return Place::kConfirmation;
    return checkpoint == arm->steps ? Place::kEnd : Place::kCheckpoint;
  }
  // Whose cost it is.
  std::string account() const { return is_confirmation ? "confirmation: " + name : name; }
};

// Where the model is measured as it is.
struct Untouched {
  CellKey cell;
  Place place = Place::kBase;
};

class ArmRunner {
 public:
  // What is given must outlive it.  `what` names the model where its loading is accounted for.
  ArmRunner(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, Journal& journal, LiveView& progress,
            std::filesystem::path cache, std::string what);

  // Adds what a cell, called `name`, and runs will take to what the view expects.
  void expect(Place place, const std::string& name);
  void expect(const std::vector<ArmRun>& runs);

  // The untouched model's cell, where there is one, and the runs.
  // Throws Interrupted at the next wave or step after a requested stop.
  void run(const std::vector<ArmRun>& runs, const std::optional<Untouched>& untouched = {});
  // Gives the model's memory back; it is loaded again when it is needed again.
  void drop() {
    subject_.reset();
    rows_.clear();
  }

 private:
  struct Training;
  // A cell that is to be measured.  Its adapter does not change until it is.
  struct Waiting {
    CellKey cell;
    Place place;
    std::string account;
    const model::Adapter* adapter;
  };

  Subject& subject();
  std::int64_t samples_of(const LoadedBenchmark& one) const;
  template <typename Visit>
  bool each_wave(Visit&& visit);
  bool is_measured(const ArmRun& run);
  std::int64_t rows_of(const LoadedBenchmark& one, std::int64_t wave) const;
  std::int64_t last_step_of(const ArmRun& run) const;
  void skip(const ArmRun& run, std::int64_t after = -1);
  void give_up(Training& training, std::int64_t step, const PhaseRecord& cost);
  void measure(std::span<const Waiting> cells);
  void measure_wave(const LoadedBenchmark& one, std::int64_t sample, std::int64_t number,
                    std::span<const Waiting> cells);
  std::unique_ptr<Training> begin(const ArmRun& run);
  void measure_untrained(const std::vector<ArmRun>& runs, std::vector<Waiting> cells);
  void train_all(std::vector<std::unique_ptr<Training>> waiting);
  void train_group(const std::vector<std::unique_ptr<Training>>& group);
  void train_step(const std::vector<Training*>& active);
  Rows load_rows(const ArmPlan& arm, std::int64_t seed);

  const Plan& plan_;
  const std::vector<LoadedBenchmark>& benchmarks_;
  Journal& journal_;
  LiveView& progress_;
  const std::filesystem::path cache_;
  const std::string what_;
  RowFiles rows_;                     // as this model's tokenizer and template make them
  std::unique_ptr<Subject> subject_;  // null: nothing has needed it yet
};

}  // namespace holdfast::assessment
