#include "assessment/series.h"

#include <algorithm>

#include "evaluation/metrics.h"

namespace holdfast::assessment {
namespace {

using evaluation::Outcome;
using nlohmann::ordered_json;

// Judges of right and wrong say what they measure; the others judge refusals.
std::string metric_of(const ItemRow& row, const std::string& kind) {
  if (std::string metric = evaluation::metric_of_judge(row.judge); !metric.empty()) return metric;
  if (row.judge == "contains") return "exact";
  if (kind == "refusal") return "refusal";
  return kind == "safe" ? "over_refusal" : row.judge;
}

bool is_refusal_metric(const std::string& metric) { return metric == "refusal" || metric == "over_refusal"; }

Series& find_or_add(std::vector<Series>& list, const SeriesKey& key) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const Series& one) { return one.key == key; });
  return found != list.end() ? *found : list.emplace_back(Series{key, false, false, {}, {}});
}

// The series that a row's verdict belongs to.
Series& series_of(std::vector<Series>& list, const ItemRow& row, const ordered_json& kinds) {
  const std::string family = evaluation::judge_family(row.judge);
  const auto found = std::find_if(list.begin(), list.end(), [&](const Series& one) {
    return one.key.judge == family && one.key.benchmark == row.benchmark && one.key.metric != "harm_score";
  });
  if (found != list.end()) return *found;
  return find_or_add(list, {row.benchmark, metric_of(row, kinds.value(row.benchmark, "")), family});
}

void add(Series& series, const ItemRow& row, double value) {
  const auto& verdict = row.verdict;
  Mark mark{static_cast<std::int32_t>(row.sample), static_cast<std::int32_t>(row.position), verdict.outcome,
            static_cast<float>(value)};
  if (!series.marks.empty() && row.judge != series.key.judge) {  // an answer's parts come one behind the other
    const Mark last = series.marks.back();
    if (last.sample == mark.sample && last.position == mark.position) mark.part = last.part + 1;
  }
  series.has_parts = series.has_parts || mark.part > 0;
  series.marks.push_back(mark);
  if (verdict.outcome == Outcome::kUnscored) {
    ++series.tally.unscored;
    ++series.tally.unscored_for[evaluation::failure_name(verdict.failure)];
    return;
  }
  ++series.tally.n;
  series.tally.k += value;
  if (verdict.outcome == Outcome::kDegenerate) {
    ++series.tally.degenerate;
    ++series.tally.degenerate_for[evaluation::degeneration_name(verdict.degeneration)];
  }
}

// An answer without a verdict has no score either, whichever came first.
void count_unscored(std::vector<Series>& list) {
  for (Series& scores : list) {
    if (scores.key.metric != "harm_score") continue;
    for (const Series& one : list) {
      if (one.key.benchmark != scores.key.benchmark || one.key.judge != scores.key.judge || &one == &scores) continue;
      scores.tally.unscored = one.tally.unscored;
      scores.tally.unscored_for = one.tally.unscored_for;
    }
  }
}

// A judge of refusals that also says how harmful an answer is makes two series.
void add_row(std::vector<Series>& list, const ItemRow& row, const ordered_json& kinds) {
  const auto& verdict = row.verdict;
  Series& series = series_of(list, row, kinds);
  if (is_refusal_metric(series.key.metric)) {
    add(series, row, verdict.outcome == Outcome::kRefusal);
    if (!verdict.score) return;
    Series& scores = find_or_add(list, {row.benchmark, "harm_score", row.judge});
    scores.has_scores = true;
    add(scores, row, *verdict.score);
  } else {
    series.has_scores = series.has_scores || (verdict.correct < 0 && verdict.score);
    add(series, row, verdict.correct >= 0 ? verdict.correct : verdict.score.value_or(0));
  }
}

bool is_same(const CellKey& a, const CellKey& b) { return a.arm == b.arm && a.seed == b.seed && a.step == b.step; }

}  // namespace

const Series* CellSeries::find(const SeriesKey& key) const {
  const auto found = std::find_if(series.begin(), series.end(), [&](const Series& one) { return one.key == key; });
  return found == series.end() ? nullptr : &*found;
}

std::vector<CellSeries> read_series(const Journal& journal, const ordered_json& kinds,
                                    const std::function<void(const ItemRow&)>& also) {
  std::vector<CellSeries> cells;
  for (CellKey& cell : journal.cells()) cells.push_back({std::move(cell), {}});
  std::size_t at = 0;
  journal.each_row([&](const ItemRow& row) {
    while (!is_same(cells[at].cell, row.cell)) ++at;  // rows come in the order of cells
    add_row(cells[at].series, row, kinds);
    if (also) also(row);
  });
  for (CellSeries& cell : cells) count_unscored(cell.series);
  return cells;
}

std::vector<Pair> pair_series(const Series& before, const Series& after,
                              const std::vector<std::int64_t>* after_position) {
  std::vector<Pair> pairs;
  for (const Mark was : before.marks) {
    if (!was.is_scored()) continue;
    const std::int64_t position =
        after_position == nullptr ? was.position : (*after_position)[static_cast<std::size_t>(was.position)];
    const Mark is = after.marks.find(was.sample, static_cast<std::int32_t>(position), was.part);
    if (is.is_scored()) pairs.push_back({was.position, was.value, is.value});
  }
  return pairs;
}

}  // namespace holdfast::assessment
