#include "assessment/result_comparisons.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <map>
#include <span>

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

using Clusters = std::map<std::string, std::vector<std::int64_t>>;  // by benchmark of refusals

// Of one arm and seed beside the untouched model, adjusted as one family.
ordered_json family_of(const CellSeries& base, const CellSeries& after, const Clusters& clusters) {
  ordered_json family = ordered_json::array();
  for (const Series& series : after.series) {
    const Series* before = base.find(series.key);
    if (before == nullptr) continue;
    const auto pairs = pair_series(*before, series);
    const auto found = clusters.find(series.key.benchmark);
    const ordered_json compared =
        compare_pairs(pairs, found == clusters.end() ? std::span<const std::int64_t>() : found->second);
    if (compared.is_null()) continue;
    ordered_json entry = {{"arm", after.cell.arm},
                          {"seed", after.cell.seed},
                          {"benchmark", series.key.benchmark},
                          {"metric", series.key.metric},
                          {"judge", series.key.judge}};
    entry.update(compared);
    if (is_capability(series.key.metric)) add_equivalence(entry, pairs);
    family.push_back(std::move(entry));
  }
  adjust_for_family(family);
  return family;
}

}  // namespace

ordered_json comparisons_json(const Journal& journal, const std::vector<CellSeries>& cells, const ordered_json& kinds) {
  ordered_json all = ordered_json::array();
  if (cells.empty()) return all;
  const CellSeries& base = cells.front();
  const auto last = last_steps(cells);
  std::vector<const CellSeries*> ends;
  Clusters clusters;
  for (const CellSeries& one : cells) {
    const auto& [cell, series] = one;
    if (cell.arm == base.cell.arm || series.empty() || last.at({cell.arm, cell.seed}) != cell.step) continue;
    ends.push_back(&one);
    for (const Series& of : series) {
      const std::string& name = of.key.benchmark;
      const std::string kind = kinds.value(name, "");
      if ((kind == "refusal" || kind == "safe") && clusters.count(name) == 0)
        clusters[name] = prompt_clusters(journal, name);
    }
  }
  std::vector<ordered_json> families(ends.size());
  at::parallel_for(0, static_cast<std::int64_t>(ends.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto place = static_cast<std::size_t>(i);
      families[place] = family_of(base, *ends[place], clusters);
    }
  });
  for (ordered_json& family : families) {
    for (auto& one : family) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace holdfast::assessment
