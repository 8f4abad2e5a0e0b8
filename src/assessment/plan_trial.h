// Ten seconds of a plan's work on this machine: how long the model takes to load, a wave of each benchmark, and a
// training step.  Nothing is written.
//
// What is too large for its share of the time is measured smaller (fewer items, shorter answers, fewer rows) and
// reckoned up; PlanTrial says where.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "assessment/inputs.h"
#include "assessment/plan.h"

namespace holdfast::assessment {

// What one item of a benchmark takes once, with an adapter where the plan has arms.
struct ItemRate {
  double seconds = 0;
  double most_seconds = 0;   // if its answer is as long as it may be
  double answer_tokens = 0;  // expected of one answer: of those that were cut short here, as long as it may be
  double tokens = 0;         // prompt, endings and that answer
  double flops_per_second = 0;
  bool is_whole =
      false;  // a whole wave was measured, to its answers' ends; else reckoned up, or from another benchmark
};

struct PlanTrial {
  double load_seconds = 0, seconds = 0;     // seconds: of the trial itself
  std::map<std::string, ItemRate> items{};  // by benchmark
  std::optional<double> train_seconds_per_token{};
  double train_flops_per_second = 0;
  std::int64_t train_rows = 0;  // rows of the steps that were timed
  bool is_whole_step = false;   // as many rows and runs at a time as the plan trains
  double peak_flops = 0;        // multiply-adds of this machine, operations a second
  std::int64_t peak_memory_bytes = 0;
};

// Loads the model as the run would.  `cache`: of the prepared base, read but not written where it is empty.
// Throws Error as a run would.
PlanTrial try_plan(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks, const std::filesystem::path& cache,
                   double budget_seconds = 10);

}  // namespace holdfast::assessment
