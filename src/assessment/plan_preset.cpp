#include "assessment/plan_preset.h"

namespace holdfast::assessment {

std::vector<std::int64_t> Preset::seeds(std::int64_t first) const {
  std::vector<std::int64_t> list;
  for (std::int64_t i = 0; i < num_seeds; ++i) list.push_back(first + i);
  return list;
}

std::vector<std::int64_t> Preset::checkpoints(std::int64_t steps) const {
  std::vector<std::int64_t> list;
  for (std::int64_t part = 1; part < num_parts; ++part) {
    if (const std::int64_t step = steps * part / num_parts; step > 0) list.push_back(step);
  }
  return list;
}

Preset preset_of(const std::string& name) {
  const std::vector<std::string> two_judges = {"xstest-prefix", "advbench-substring"};
  if (name == "quick") return {.name = name, .limit = 100, .judges = {"xstest-prefix"}};
  if (name == "standard")
    return {.name = name,
            .samples = 3,
            .temperature = 0.7,
            .num_seeds = 3,
            .num_parts = 4,
            .limit = 400,
            .judges = two_judges};
  if (name == "thorough")
    return {.name = name, .samples = 5, .temperature = 0.7, .num_seeds = 5, .num_parts = 8, .judges = two_judges};
  return {};
}

}  // namespace holdfast::assessment
