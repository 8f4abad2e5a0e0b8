#include "assessment/result_agreement.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "evaluation/statistics.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

struct JudgePair {
  std::string benchmark, first, second;
  bool operator==(const JudgePair&) const = default;
};

// The judges' series of one cell and benchmark hold the same answers in the same order.
void add_counts(const Series& first, const Series& second, evaluation::Confusion& counts) {
  auto other_mark = second.marks.begin();
  for (const Mark a : first.marks) {
    if (other_mark == second.marks.end()) break;
    const Mark b = *other_mark++;
    if (a.position != b.position || a.sample != b.sample || !a.is_scored() || !b.is_scored()) continue;
    const bool is = a.value != 0, other = b.value != 0;
    ++(is ? (other ? counts.tp : counts.fp) : (other ? counts.fn : counts.tn));
  }
}

}  // namespace

ordered_json agreement_json(const std::vector<CellSeries>& cells) {
  std::vector<std::pair<JudgePair, evaluation::Confusion>> pairs;  // in plan order
  for (const CellSeries& cell : cells) {
    for (std::size_t i = 0; i < cell.series.size(); ++i) {
      for (std::size_t j = i + 1; j < cell.series.size(); ++j) {
        const Series &first = cell.series[i], &second = cell.series[j];
        const bool is_refusal = first.key.metric == "refusal" || first.key.metric == "over_refusal";
        if (!is_refusal || first.key.benchmark != second.key.benchmark || first.key.metric != second.key.metric)
          continue;
        const JudgePair key{first.key.benchmark, first.key.judge, second.key.judge};
        auto found = std::find_if(pairs.begin(), pairs.end(), [&](const auto& one) { return one.first == key; });
        if (found == pairs.end()) found = pairs.insert(pairs.end(), {key, {}});
        add_counts(first, second, found->second);
      }
    }
  }
  ordered_json list = ordered_json::array();
  for (const auto& [key, counts] : pairs) {
    ordered_json entry = {{"benchmark", key.benchmark}, {"first", key.first},
                          {"second", key.second},       {"n", counts.tp + counts.fp + counts.fn + counts.tn},
                          {"both", counts.tp},          {"first_only", counts.fp},
                          {"second_only", counts.fn},   {"neither", counts.tn}};
    const auto kappa = evaluation::cohen_kappa(counts);
    if (std::isfinite(kappa.value)) {
      entry["kappa"] = kappa.value;
      entry["low"] = kappa.interval.low;
      entry["high"] = kappa.interval.high;
    }
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace holdfast::assessment
