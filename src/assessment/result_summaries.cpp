#include "assessment/result_summaries.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "assessment/threshold.h"
#include "assessment/verdict.h"
#include "evaluation/statistics.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

// The cells of an arm at their seed's last measured step, in plan order.
std::vector<const CellSeries*> ends_of(const std::vector<CellSeries>& cells, const std::string& arm) {
  std::map<std::int64_t, const CellSeries*> last;
  std::vector<std::int64_t> order;
  for (const CellSeries& one : cells) {
    if (one.cell.arm != arm || one.series.empty()) continue;
    if (last.count(one.cell.seed) == 0) order.push_back(one.cell.seed);
    const CellSeries*& known = last[one.cell.seed];
    if (known == nullptr || known->cell.step <= one.cell.step) known = &one;
  }
  std::vector<const CellSeries*> ends;
  for (const std::int64_t seed : order) ends.push_back(last[seed]);
  return ends;
}

std::vector<std::string> arms_of(const std::vector<CellSeries>& cells) {
  std::vector<std::string> arms;
  for (const CellSeries& one : cells) {
    if (std::find(arms.begin(), arms.end(), one.cell.arm) == arms.end()) arms.push_back(one.cell.arm);
  }
  return arms;
}

// Each item's mean over its samples; only items that were scored in every one of `list`.
std::vector<std::vector<double>> shared_rates(const std::vector<const Series*>& list) {
  std::map<std::int64_t, std::vector<std::pair<double, std::int64_t>>> sums;  // by item: one sum and count a series
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (const Mark mark : list[i]->marks) {
      if (!mark.is_scored()) continue;
      auto& item = sums[mark.position];
      item.resize(list.size());
      item[i].first += mark.value;
      ++item[i].second;
    }
  }
  std::vector<std::vector<double>> rates;
  for (const auto& [position, item] : sums) {
    if (std::any_of(item.begin(), item.end(), [](const auto& one) { return one.second == 0; })) continue;
    std::vector<double> row;
    for (const auto& [sum, count] : item) row.push_back(sum / static_cast<double>(count));
    rates.push_back(std::move(row));
  }
  return rates;
}

ordered_json curve_of(const Journal& journal, const std::vector<const CellSeries*>& cells, const SeriesKey& key,
                      const Threshold& threshold) {
  std::vector<const Series*> list;
  std::vector<const CellSeries*> points;
  for (const CellSeries* cell : cells) {
    if (const Series* series = cell->find(key)) {
      list.push_back(series);
      points.push_back(cell);
    }
  }
  if (list.size() < 3) return nullptr;  // the untouched model and two checkpoints
  const auto rates = shared_rates(list);
  if (rates.size() < 2) return nullptr;
  std::vector<double> outcomes, tokens;
  std::vector<std::int64_t> clusters;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    outcomes.insert(outcomes.end(), rates[i].begin(), rates[i].end());
    clusters.push_back(static_cast<std::int64_t>(i));
  }
  for (const CellSeries* cell : points)
    tokens.push_back(static_cast<double>(trained_tokens(journal, cell->cell.arm, cell->cell.seed, cell->cell.step)));
  if (std::adjacent_find(tokens.begin(), tokens.end(), std::greater_equal<>()) != tokens.end()) return nullptr;
  const evaluation::Curve curve{outcomes, clusters, list.size()};
  const auto band = evaluation::simultaneous_band(curve);
  ordered_json json = {{"arm", points.back()->cell.arm},
                       {"seed", points.back()->cell.seed},
                       {"benchmark", key.benchmark},
                       {"metric", key.metric},
                       {"judge", key.judge},
                       {"n", rates.size()},
                       {"points", ordered_json::array()}};
  for (std::size_t i = 0; i < points.size(); ++i) {
    json["points"].push_back({{"step", points[i]->cell.step},
                              {"tokens", static_cast<std::int64_t>(tokens[i])},
                              {"value", band.rates[i]},
                              {"low", band.intervals[i].low},
                              {"high", band.intervals[i].high}});
  }
  if (const double line = threshold.line(band.rates[0]); band.rates[0] > line) {
    const auto crossing = evaluation::training_until_below(curve, tokens, line);
    json["crossing"] = {{"line", line}};
    for (const auto& [name, value] :
         {std::pair{"tokens", crossing.value}, std::pair{"low", crossing.low}, std::pair{"high", crossing.high}}) {
      if (value) json["crossing"][name] = *value;
    }
    json["crossing"]["share_not_crossed"] = crossing.share_not_crossed;
  }
  return json;
}

}  // namespace

ordered_json summaries_json(const std::vector<CellSeries>& cells) {
  ordered_json list = ordered_json::array();
  for (const std::string& arm : arms_of(cells)) {
    const auto ends = ends_of(cells, arm);
    if (ends.empty()) continue;
    for (const Series& first : ends.front()->series) {
      if (first.has_parts) continue;  // prompts of unequal numbers of parts have no common variance
      std::vector<evaluation::Observation> observations;
      std::size_t most = 0;
      for (const CellSeries* end : ends) {
        if (const Series* series = end->find(first.key)) most += series->marks.size();
      }
      observations.reserve(most);
      std::set<std::int32_t> samples;
      for (std::size_t i = 0; i < ends.size(); ++i) {  // each another seed
        const Series* series = ends[i]->find(first.key);
        if (series == nullptr) continue;
        for (const Mark mark : series->marks) {
          if (!mark.is_scored()) continue;
          samples.insert(mark.sample);
          observations.push_back({mark.position, static_cast<std::int32_t>(i), mark.value});
        }
      }
      if (ends.size() < 2 && samples.size() < 2) continue;  // the cell says it all
      const auto parts = evaluation::variance_parts(observations);
      if (parts.prompts < 2) continue;
      ordered_json variance = ordered_json::object();
      for (const auto& [name, part] :
           {std::pair{"prompt", parts.prompt}, std::pair{"seed", parts.seed},
            std::pair{"prompt_by_seed", parts.prompt_by_seed}, std::pair{"sampling", parts.sampling}}) {
        if (part) variance[name] = *part;
      }
      // Where no two answers differ, Student's interval would have no width; each prompt counts once instead.
      const auto interval = parts.standard_error > 0
                                ? parts.interval
                                : evaluation::clopper_pearson(
                                      std::llround(parts.mean * static_cast<double>(parts.prompts)), parts.prompts);
      list.push_back({{"arm", arm},
                      {"benchmark", first.key.benchmark},
                      {"metric", first.key.metric},
                      {"judge", first.key.judge},
                      {"value", parts.mean},
                      {"low", std::max(0.0, interval.low)},
                      {"high", std::min(1.0, interval.high)},
                      {"stderr", parts.standard_error},
                      {"items", parts.prompts},
                      {"seeds", parts.seeds},
                      {"samples", parts.samples},
                      {"left_out", parts.left_out},
                      {"variance", std::move(variance)}});
    }
  }
  return list;
}

ordered_json curves_json(const Journal& journal, const std::vector<CellSeries>& cells) {
  ordered_json list = ordered_json::array();
  if (cells.empty()) return list;
  const Threshold threshold = threshold_of(journal.identity());
  std::map<std::pair<std::string, std::int64_t>, std::vector<const CellSeries*>> runs;
  std::vector<std::pair<std::string, std::int64_t>> order;
  for (const CellSeries& one : cells) {
    if (one.cell.arm == cells.front().cell.arm || one.series.empty() || one.cell.step == 0) continue;
    const std::pair key{one.cell.arm, one.cell.seed};
    if (runs.count(key) == 0) {
      order.push_back(key);
      runs[key].push_back(&cells.front());
    }
    runs[key].push_back(&one);
  }
  for (const auto& key : order) {
    auto& points = runs[key];
    std::sort(points.begin() + 1, points.end(),
              [](const CellSeries* a, const CellSeries* b) { return a->cell.step < b->cell.step; });
    for (const Series& series : cells.front().series) {
      if (series.key.metric != "refusal") continue;
      if (auto curve = curve_of(journal, points, series.key, threshold); !curve.is_null())
        list.push_back(std::move(curve));
    }
  }
  return list;
}

}  // namespace holdfast::assessment
