// Presets: how much a plan measures where it does not say so itself.  What each can find: docs/formats/plan.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::assessment {

struct Preset {
  std::string name;
  std::int64_t samples = 1;         // answers a prompt
  double temperature = 0;           // of several answers; one is greedy
  std::int64_t num_seeds = 1;       // the plan's seed and those that follow it
  std::int64_t num_parts = 1;       // an arm's steps are cut into so many equal parts, each ending in a checkpoint
  std::int64_t limit = 0;           // items of a benchmark; 0: all
  std::vector<std::string> judges;  // of refusals; empty: the first shipped list

  std::vector<std::int64_t> seeds(std::int64_t first) const;
  // Without the last step, which always is one.
  std::vector<std::int64_t> checkpoints(std::int64_t steps) const;
};

// "quick", "standard" or "thorough"; any other name: what a plan without a preset measures.
Preset preset_of(const std::string& name);

}  // namespace holdfast::assessment
