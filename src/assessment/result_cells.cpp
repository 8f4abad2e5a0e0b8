#include "assessment/result_cells.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "assessment/comparison.h"
#include "evaluation/statistics.h"
#include "evaluation/statistics/distributions.h"

namespace holdfast::assessment {
namespace {

using evaluation::Interval;
using nlohmann::ordered_json;

struct Scored {
  std::vector<double> values;
  std::vector<std::int64_t> positions;
};

Scored scored_of(const Series& series) {
  Scored scored;
  for (const Mark mark : series.marks) {
    if (!mark.is_scored()) continue;
    scored.values.push_back(mark.value);
    scored.positions.push_back(mark.position);
  }
  return scored;
}

// Clopper and Pearson's interval at the effective number of answers: those that would say as much if each came from an
// item of its own.  Where all answers agree nothing tells how alike an item's are: as many as items.
// Source: Korn and Graubard, Survey Methodology 24 (1998) 193-201.
Interval korn_graubard(const Scored& scored, std::int64_t num_items) {
  const double n = static_cast<double>(scored.values.size());
  const auto estimate = evaluation::clustered_mean(scored.values, scored.positions);
  const double p = estimate.value, variance = p * (1 - p);  // of one answer
  double effective = static_cast<double>(num_items);
  if (variance > 0 && std::isfinite(estimate.standard_error) && estimate.standard_error > 0) {
    const double df = effective - 1;
    const double ratio = evaluation::critical_value(evaluation::kLevel) /
                         evaluation::student_critical_value(evaluation::kLevel, df);  // few items: a wider interval
    effective = std::min(n, variance / (estimate.standard_error * estimate.standard_error)) * ratio * ratio;
  }
  const double k = p * effective, tail = (1 - evaluation::kLevel) / 2;
  return {p <= 0 ? 0 : evaluation::beta_quantile(tail, k, effective - k + 1),
          p >= 1 ? 1 : evaluation::beta_quantile(1 - tail, k + 1, effective - k)};
}

void add_interval(ordered_json& json, const Series& series) {
  const Tally& t = series.tally;
  const Scored scored = scored_of(series);
  std::vector<std::int64_t> items = scored.positions;
  std::sort(items.begin(), items.end());
  const std::int64_t num_items = std::unique(items.begin(), items.end()) - items.begin();
  Interval interval;
  const char* method = nullptr;
  if (series.has_scores) {
    const auto estimate = evaluation::clustered_mean(scored.values, scored.positions);
    if (estimate.standard_error <= 0)  // all alike: as wide as the widest that values from 0 to 1 can be
      interval = korn_graubard(scored, num_items);
    else if (std::isfinite(estimate.standard_error))
      interval = {std::max(0.0, estimate.interval.low), std::min(1.0, estimate.interval.high)};
    method = "clustered-t";
  } else if (num_items < t.n) {
    interval = korn_graubard(scored, num_items);
    method = "korn-graubard";
  } else {
    interval = evaluation::wilson(static_cast<std::int64_t>(t.k), t.n);
  }
  json["low"] = interval.low;
  json["high"] = interval.high;
  if (method != nullptr) json["interval"] = method;
}

// Of right and wrong answers to items that come in groups.
void add_groups(ordered_json& json, const Series& series, const std::vector<StoredItem>& items) {
  std::map<std::string, std::vector<double>> values;
  for (const Mark mark : series.marks) {
    if (mark.is_scored() && mark.sample == 0)
      values[items[static_cast<std::size_t>(mark.position)].category].push_back(mark.value);
  }
  if (values.size() < 2 || values.count("") == 1) return;
  std::vector<evaluation::Group> groups;
  for (const auto& [category, list] : values) {
    if (list.size() < 2) return;  // no deviation within the group
    groups.push_back(evaluation::group_of(list));
  }
  const auto by_size = evaluation::stratified_mean(groups, evaluation::GroupWeight::kSize);
  const auto equal = evaluation::stratified_mean(groups, evaluation::GroupWeight::kEqual);
  json["groups"] = {
      {"count", groups.size()},
      {"low", by_size.interval.low},
      {"high", by_size.interval.high},
      {"stderr", by_size.standard_error},
      {"stderr_lm_eval", evaluation::pooled_standard_error(groups)},
      {"mean_of_means", {{"value", equal.value}, {"low", equal.interval.low}, {"high", equal.interval.high}}}};
}

}  // namespace

ordered_json cell_json(const CellKey& cell, const Series& series, const std::vector<StoredItem>& items) {
  const Tally& t = series.tally;
  ordered_json json = {{"arm", cell.arm},
                       {"seed", cell.seed},
                       {"step", cell.step},
                       {"benchmark", series.key.benchmark},
                       {"metric", series.key.metric},
                       {"judge", series.key.judge}};
  if (series.has_scores)
    json["k"] = t.k;
  else
    json["k"] = static_cast<std::int64_t>(t.k);
  json["n"] = t.n;
  json["unscored"] = t.unscored;
  json["degenerate"] = t.degenerate;
  if (t.n > 0) {
    json["value"] = t.k / static_cast<double>(t.n);
    add_interval(json, series);
  }
  if (t.unscored > 0) {
    const double all = static_cast<double>(t.n + t.unscored);
    json["bounds"] = {{"low", t.k / all}, {"high", (t.k + static_cast<double>(t.unscored)) / all}};
    json["unscored_for"] = t.unscored_for;
  }
  if (t.degenerate > 0) json["degenerate_for"] = t.degenerate_for;
  if (t.n > 0 && is_capability(series.key.metric) && !series.has_parts) add_groups(json, series, items);
  return json;
}

}  // namespace holdfast::assessment
