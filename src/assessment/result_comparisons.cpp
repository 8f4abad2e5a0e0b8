#include "assessment/result_comparisons.h"

#include <algorithm>
#include <map>

#include "assessment/comparison.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

// The last step of each arm and seed at which anything was measured.
std::map<std::pair<std::string, std::int64_t>, std::int64_t> last_steps(const std::vector<CellSeries>& cells) {
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> last;
  for (const auto& [cell, series] : cells) {
    if (!series.empty()) last[{cell.arm, cell.seed}] = std::max(last[{cell.arm, cell.seed}], cell.step);
  }
  return last;
}

}  // namespace

ordered_json comparisons_json(const Journal& journal, const std::vector<CellSeries>& cells, const ordered_json& kinds) {
  ordered_json all = ordered_json::array();
  if (cells.empty()) return all;
  const CellSeries& base = cells.front();
  const auto last = last_steps(cells);
  std::map<std::string, std::vector<std::int64_t>> clusters;
  const auto clusters_of = [&](const std::string& name) -> const std::vector<std::int64_t>& {
    const auto found = clusters.find(name);
    if (found != clusters.end()) return found->second;
    const std::string kind = kinds.value(name, "");
    return clusters[name] =
               kind == "refusal" || kind == "safe" ? prompt_clusters(journal, name) : std::vector<std::int64_t>();
  };
  for (const auto& [cell, series] : cells) {
    if (cell.arm == base.cell.arm || series.empty() || last.at({cell.arm, cell.seed}) != cell.step) continue;
    ordered_json family = ordered_json::array();
    for (const Series& after : series) {
      const Series* before = base.find(after.key);
      if (before == nullptr) continue;
      const auto pairs = pair_series(*before, after);
      const ordered_json compared = compare_pairs(pairs, clusters_of(after.key.benchmark));
      if (compared.is_null()) continue;
      ordered_json entry = {{"arm", cell.arm},
                            {"seed", cell.seed},
                            {"benchmark", after.key.benchmark},
                            {"metric", after.key.metric},
                            {"judge", after.key.judge}};
      entry.update(compared);
      if (is_capability(after.key.metric)) add_equivalence(entry, pairs);
      family.push_back(std::move(entry));
    }
    adjust_for_family(family);
    for (auto& one : family) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace holdfast::assessment
