// What all parts of a plan are read with, and the readers of its larger parts.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "assessment/plan.h"
#include "assessment/plan_paths.h"
#include "assessment/plan_preset.h"
#include "assessment/plan_table.h"

namespace holdfast::assessment {

struct PlanReading {
  std::string file;
  PlanPaths paths;
  Preset preset;
  evaluation::Problems problems;
  std::set<std::string> names;  // "arm NAME", "benchmark NAME", "judge NAME": each once

  Table table(const toml::table& node, const std::string& name) { return {node, file, name, "plan", &problems}; }
  // Says of a name that is empty, given twice or not fit for a CSV file what is wrong with it.
  void check_name(Table& table, const std::string& name, const char* what);
};

BenchmarkPlan read_benchmark(Table& table, PlanReading& reading);
// One arm, or as many as its grid has cells, in declared order.  `seed`: the plan's.
std::vector<ArmPlan> read_arms(Table& table, PlanReading& reading, std::int64_t seed);
// The cells of a grid: each list's values with each other list's, the list declared first changing slowest.  An arm
// has no steps, rank ... of its own where the grid has a list of them.
std::vector<ArmPlan> expand_grid(const toml::table& grid, const ArmPlan& family, Table& arm, PlanReading& reading);

// What is wrong between the parts: judges that nobody knows, a second model that is the first, held-out prompts of no
// benchmark.
void check_plan(const Plan& plan, const toml::table& root, PlanReading& reading);

}  // namespace holdfast::assessment
