// Judging what is in the journal: by models and endpoints when all answers are there, and by any judge afterwards.
//
// Invariant: verdicts are a function of the journal's answers and the judge.  A wave of verdicts is committed as one,
// so that a killed judging goes on where it was.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "assessment/journal.h"
#include "assessment/judges.h"

namespace holdfast::assessment {

class LiveView;

struct JudgingOptions {
  bool show_progress = true;
  std::filesystem::path cache;  // of a prepared judge and of file hashes; empty: none
  std::string only{};           // the judge whose verdicts are asked for; empty: all
  LiveView* view = nullptr;     // is told what goes on; null: one of its own, which `show_progress` shows
};

// Every verdict of the journal that is still to be found, by the judges that its identity names.  Those at which an
// endpoint failed are asked for again; a list or a local model would fail in the same way.
// Throws Error, and Interrupted at the next wave after a requested stop.
void judge_pending(Journal& journal, const Judges& judges, const JudgingOptions& options = {});

// Judges the answers of a run again, by `plans` in order, and writes its outputs: what is there by the same judge
// already stays, but for its failures.  The outputs are those of a run whose plan named these judges last.
void judge_again(const std::filesystem::path& directory, const std::vector<JudgePlan>& plans,
                 const JudgingOptions& options = {});

}  // namespace holdfast::assessment
