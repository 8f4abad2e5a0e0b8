// Runs a plan: states and what makes each transition.
//
//   open     load benchmarks; open or make the journal; load the model                  -> measure the base, or finish
//   measure  for each benchmark and sample, wave by wave: answer, judge, commit        -> train, or the next arm
//   train    steps up to the next checkpoint, each recorded                            -> measure
//   judge    what models and endpoints judge, when the measured model's memory is free -> finish
//   finish   write results.json, items.csv, costs.json, report.html
//
// A killed run does the training of an unfinished arm again (it must give the same losses) and no committed wave.
// Adapters live in memory and are dropped when their last checkpoint is measured.
#pragma once

#include <filesystem>

#include "assessment/plan.h"

namespace holdfast::assessment {

class LiveView;

struct RunOptions {
  bool show_progress = true;
  bool moves_aside = false;     // a run of another plan or program in the directory is renamed, instead of an error
  std::filesystem::path cache;  // of the prepared base and of file hashes; empty: none
  LiveView* view = nullptr;     // is told what goes on; null: one of the run's own, which `show_progress` shows
};

// Throws Error for what is wrong with plan or files, Interrupted at the next wave or step after a requested stop
// (base/interrupt.h): nothing finished is lost.
void run_plan(const Plan& plan, const std::filesystem::path& directory, const RunOptions& options = {});

}  // namespace holdfast::assessment
