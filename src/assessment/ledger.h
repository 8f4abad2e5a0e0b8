// What the work of this process costs: phase after phase without gaps, so that the seconds of a run's phases add up to
// the seconds that the run took.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "assessment/energy.h"
#include "assessment/journal.h"

namespace holdfast::assessment {

// Of a phase: what its record says it worked on.
struct PhaseTokens {
  std::int64_t tokens = 0;    // of prompts, answers, contexts, endings, rows
  std::int64_t computed = 0;  // that went through the model: what several prompts begin with, once
  std::int64_t output = 0;    // that were generated, read log-probabilities of, or trained on as targets
};

class CostMeter {
 public:
  explicit CostMeter(const EnergySources& sources = {});
  // The one that runs of this process are measured by.
  static CostMeter& of_process();

  // From now on, and of this device; what came before is nobody's.
  void restart(std::string_view device = "cpu");
  // What was spent since the last call.  Operations are those that base/profile.h has counted.
  PhaseRecord take(std::string phase, std::string arm, const PhaseTokens& tokens = {});
  // The same, of several that were worked on together: shared by their tokens.  REQUIRES: some tokens.
  std::vector<PhaseRecord> take_shared(const std::string& phase,
                                       const std::vector<std::pair<std::string, PhaseTokens>>& arms);

 private:
  struct Reading {
    std::chrono::steady_clock::time_point time;
    double device_seconds = 0, flops = 0;
    std::optional<double> joules;
  };
  Reading read();

  std::optional<EnergyMeter> energy_;
  Reading last_;
};

}  // namespace holdfast::assessment
