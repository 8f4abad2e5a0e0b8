#include "assessment/safeguard.h"

#include <algorithm>
#include <map>
#include <string>

#include "assessment/comparison.h"
#include "assessment/inputs.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

// How the first model's cell of the same arm is called.
std::string plain_name(const std::string& name) {
  return name == kSafeguarded ? "base" : name.substr(safeguarded_name("").size());
}

}  // namespace

bool is_safeguarded(const ordered_json& identity, const CellKey& cell) {
  return identity["provenance"].contains(kSafeguarded) &&
         (cell.arm == kSafeguarded || cell.arm.starts_with(safeguarded_name("")));
}

ordered_json safeguard_json(const Journal& journal, const std::vector<CellSeries>& cells) {
  const ordered_json identity = journal.identity();
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> last;
  for (const auto& [cell, series] : cells) {
    if (!series.empty()) last[{cell.arm, cell.seed}] = std::max(last[{cell.arm, cell.seed}], cell.step);
  }
  std::map<std::string, std::vector<std::int64_t>> clusters;
  ordered_json list = ordered_json::array();
  for (const CellSeries& with : cells) {
    if (!is_safeguarded(identity, with.cell) || with.series.empty()) continue;
    if (last[{with.cell.arm, with.cell.seed}] != with.cell.step) continue;
    const std::string arm = plain_name(with.cell.arm);
    const auto without = std::find_if(cells.begin(), cells.end(), [&](const CellSeries& one) {
      return one.cell.arm == arm && one.cell.seed == with.cell.seed && one.cell.step == with.cell.step;
    });
    if (without == cells.end()) continue;
    ordered_json family = ordered_json::array();
    for (const Series& series : with.series) {
      const Series* other = without->find(series.key);
      if (other == nullptr) continue;
      const std::string& name = series.key.benchmark;
      const std::string kind = identity["kinds"].value(name, "");
      if ((kind == "refusal" || kind == "safe") && clusters.count(name) == 0)
        clusters[name] = prompt_clusters(journal, name);
      const ordered_json compared = compare_pairs(pair_series(*other, series), clusters[name]);
      if (compared.is_null()) continue;
      ordered_json entry = {{"arm", arm},
                            {"seed", with.cell.seed},
                            {"step", with.cell.step},
                            {"benchmark", name},
                            {"metric", series.key.metric},
                            {"judge", series.key.judge},
                            {"without", compared["before"]},
                            {"with", compared["after"]}};
      for (const auto& [key, value] : compared.items()) {
        if (key != "before" && key != "after") entry[key] = value;
      }
      family.push_back(std::move(entry));
    }
    adjust_for_family(family);
    for (auto& one : family) list.push_back(std::move(one));
  }
  return list;
}

}  // namespace holdfast::assessment
