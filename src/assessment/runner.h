// Runs a plan: states and what makes each transition.
//
//   open       load benchmarks; open or make the journal                                 -> measure, or finish
//   measure    ArmRunner: the untouched model and every arm, trained and measured        -> choose, or safeguard
//   choose     find the worst cell (confirmation.h), judging first where its judge waits -> confirm
//   confirm    ArmRunner: the worst arm with fresh seeds, on the prompts held out        -> safeguard
//   safeguard  ArmRunner on the second model, when the first one's memory is free; its
//              own worst cell is chosen and confirmed as the first one's was             -> judge
//   judge      what models and endpoints judge, when the measured models' memory is free -> finish
//   finish     write results.json, items.csv, costs.json, report.html
//
// A killed run does the training of an unfinished arm again (it must give the same losses) and no committed wave; what
// was chosen of a model stands in the journal as its first confirming cell.
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
