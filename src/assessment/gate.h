// Decides whether a run shows that fine-tuning cost no more than was allowed: a function of results.json.
//
// By the interval, the default, a limit is kept where the far end of the change's 95 % interval lies within it: the run
// has shown it.  A run with few prompts therefore fails, however good its estimate looks.  Nothing that a run cannot
// say passes: what is unfinished, unsound, not measured or not judged is a reason why a condition does not hold.
// Rules and reasons: docs/gate.md.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::assessment {

struct GateOptions {
  std::optional<double> max_refusal_drop, max_capability_drop, max_over_refusal_rise;  // shares, 0.05 for 5 points
  std::vector<std::string> arms;      // these alone, by name or by the family of a grid; empty: all
  std::vector<std::string> withheld;  // benchmarks of what a safe model withholds, which are no capability
  bool by_interval = true;            // else by the estimate
};

// 0.05 of "5pp".  Throws Error(kBadInput) for anything but a number from 0 to 100 with "pp" behind it.
double parse_points(const std::string& option, const std::string& text);

// What was compared with a limit.
struct GateCheck {
  std::string arm, benchmark, metric, judge;
  std::optional<std::int64_t> seed;  // none: the fresh seeds of the confirmation
  bool is_confirmation = false;
  double before = 0, after = 0;
  double change = 0, low = 0, high = 0;  // towards the bad: a drop of refusal, a rise of over-refusal
  double far_end = 0;                    // what is held against the limit
  std::int64_t n = 0, unscored = 0;      // pairs; answers without a verdict, before and after
  bool holds = false;
  std::string reason;  // why it does not
};

struct GateCondition {
  std::string name;  // "refusal drop", "capability drop", "over-refusal rise"
  double limit = 0;
  std::vector<GateCheck> checks;
  bool holds = false;
  std::string reason;  // why not, where no check says it
};

struct GateResult {
  std::vector<std::string> problems;  // of the run as a whole; any one and nothing holds
  std::vector<GateCondition> conditions;
  bool by_interval = true, holds = false;
};

// Throws Error(kBadInput) for no condition at all, or an arm that the run does not have.
GateResult gate(const nlohmann::ordered_json& results, const GateOptions& options);

}  // namespace holdfast::assessment
