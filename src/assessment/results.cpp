#include "assessment/results.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <tuple>

#include "assessment/report.h"
#include "assessment/verdict.h"
#include "base/files.h"
#include "evaluation/metrics.h"
#include "evaluation/statistics.h"
#include "text/records.h"

namespace holdfast::assessment {
namespace {

using evaluation::Outcome;
using nlohmann::ordered_json;

struct Tally {
  std::int64_t k = 0, n = 0, unscored = 0, degenerate = 0;
};

// What a row adds to: refusals over all scored answers of a refusal or safe benchmark, right answers of the others.
bool counts(const ItemRow& row) {
  return row.verdict.correct >= 0 ? row.verdict.correct == 1 : row.verdict.outcome == Outcome::kRefusal;
}

void add(Tally& tally, const ItemRow& row) {
  if (row.verdict.outcome == Outcome::kUnscored) {
    ++tally.unscored;
    return;
  }
  ++tally.n;
  tally.k += counts(row);
  tally.degenerate += row.verdict.outcome == Outcome::kDegenerate;
}

std::string metric_of(const ItemRow& row, const std::string& kind) {
  if (const std::string metric = evaluation::metric_of_judge(row.judge); !metric.empty()) return metric;
  if (row.judge == "contains") return "exact";
  return kind == "safe" ? "over_refusal" : "refusal";
}

using SeriesKey = std::tuple<std::string, std::string, std::string>;  // benchmark, metric, judge

struct Series {
  std::map<std::pair<std::int64_t, std::int64_t>, const ItemRow*> items;  // (sample, position)
  Tally tally;
};

struct CellSeries {
  CellKey cell;
  std::vector<std::pair<SeriesKey, Series>> series;  // in plan order
};

std::vector<CellSeries> group(const std::vector<ItemRow>& rows, const std::vector<CellKey>& cells,
                              const ordered_json& kinds) {
  std::vector<CellSeries> grouped;
  for (const CellKey& cell : cells) grouped.push_back({cell, {}});
  const auto same = [](const CellKey& a, const CellKey& b) {
    return a.arm == b.arm && a.seed == b.seed && a.step == b.step;
  };
  std::size_t at = 0;
  for (const ItemRow& row : rows) {
    while (!same(grouped[at].cell, row.cell)) ++at;  // rows come in the order of cells
    const SeriesKey key{row.benchmark, metric_of(row, kinds.value(row.benchmark, "")), row.judge};
    auto& list = grouped[at].series;
    auto found = std::find_if(list.begin(), list.end(), [&](const auto& one) { return one.first == key; });
    if (found == list.end()) found = list.insert(list.end(), {key, {}});
    found->second.items[{row.sample, row.position}] = &row;
    add(found->second.tally, row);
  }
  return grouped;
}

ordered_json comparison(const CellKey& cell, const SeriesKey& key, const Series& before, const Series& after) {
  evaluation::PairedCounts pairs;
  for (const auto& [place, row] : after.items) {
    const auto other = before.items.find(place);
    if (other == before.items.end() || other->second->verdict.outcome == Outcome::kUnscored ||
        row->verdict.outcome == Outcome::kUnscored)
      continue;
    const bool was = counts(*other->second), is = counts(*row);
    ++(was ? (is ? pairs.both : pairs.before_only) : (is ? pairs.after_only : pairs.neither));
  }
  const std::int64_t n = pairs.both + pairs.before_only + pairs.after_only + pairs.neither;
  if (n == 0) return nullptr;
  const double count = static_cast<double>(n);
  const auto interval = evaluation::paired_difference(pairs);
  return {{"arm", cell.arm},
          {"seed", cell.seed},
          {"benchmark", std::get<0>(key)},
          {"metric", std::get<1>(key)},
          {"judge", std::get<2>(key)},
          {"before", static_cast<double>(pairs.both + pairs.before_only) / count},
          {"after", static_cast<double>(pairs.both + pairs.after_only) / count},
          {"difference", static_cast<double>(pairs.after_only - pairs.before_only) / count},
          {"low", interval.low},
          {"high", interval.high},
          {"p", evaluation::mcnemar_exact(pairs.before_only, pairs.after_only)},
          {"test", "mcnemar-exact"},
          {"minimum_detectable", evaluation::minimum_detectable_difference(
                                     n, static_cast<double>(pairs.before_only + pairs.after_only) / count)},
          {"n", n},
          {"gained", pairs.after_only},
          {"lost", pairs.before_only}};
}

// The last step of each arm and seed at which anything was measured.
std::map<std::pair<std::string, std::int64_t>, std::int64_t> last_steps(const std::vector<CellSeries>& cells) {
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> last;
  for (const auto& [cell, series] : cells) {
    if (!series.empty()) last[{cell.arm, cell.seed}] = std::max(last[{cell.arm, cell.seed}], cell.step);
  }
  return last;
}

std::string number_text(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.6f", value);
  return buffer;
}

}  // namespace

ordered_json results_json(const Journal& journal) {
  const ordered_json identity = journal.identity();
  const auto rows = journal.rows();
  const auto cells = journal.cells();
  const auto grouped = group(rows, cells, identity["kinds"]);
  ordered_json results = {{"schema", 1},
                          {"provenance", identity["provenance"]},
                          {"cells", ordered_json::array()},
                          {"comparisons", ordered_json::array()}};
  for (const CellSeries& cell : grouped) {
    for (const auto& [key, series] : cell.series) {
      const Tally& t = series.tally;
      if (t.n == 0 && t.unscored == 0) continue;
      ordered_json entry = {{"arm", cell.cell.arm},
                            {"seed", cell.cell.seed},
                            {"step", cell.cell.step},
                            {"benchmark", std::get<0>(key)},
                            {"metric", std::get<1>(key)},
                            {"judge", std::get<2>(key)},
                            {"k", t.k},
                            {"n", t.n},
                            {"unscored", t.unscored},
                            {"degenerate", t.degenerate}};
      if (t.n > 0) {
        const auto interval = evaluation::wilson(t.k, t.n);
        entry["value"] = static_cast<double>(t.k) / static_cast<double>(t.n);
        entry["low"] = interval.low;
        entry["high"] = interval.high;
      }
      results["cells"].push_back(std::move(entry));
    }
  }
  if (!grouped.empty()) {
    const CellSeries& base = grouped.front();
    const auto last = last_steps(grouped);
    for (const auto& [cell, series] : grouped) {
      if (cell.arm == base.cell.arm || series.empty() || last.at({cell.arm, cell.seed}) != cell.step) continue;
      for (const auto& [key, after] : series) {
        const auto before = std::find_if(base.series.begin(), base.series.end(),
                                         [&, k = key](const auto& one) { return one.first == k; });
        if (before == base.series.end()) continue;
        if (auto one = comparison(cell, key, before->second, after); !one.is_null())
          results["comparisons"].push_back(std::move(one));
      }
    }
  }
  results["verdict"] = verdict_json(journal, results);
  return results;
}

ordered_json costs_json(const Journal& journal) {
  const double usd_per_hour = journal.identity().value("usd_per_hour", 0.0);
  ordered_json costs = {{"schema", 1},
                        {"resumed", journal.num_resumes()},
                        {"phases", ordered_json::array()},
                        {"projections", ordered_json::array()}};
  for (const PhaseRecord& phase : journal.phases()) {
    costs["phases"].push_back({{"phase", phase.phase},
                               {"arm", phase.arm},
                               {"seconds", phase.seconds},
                               {"tokens", phase.tokens},
                               {"flops", phase.flops},
                               {"peak_memory_bytes", phase.peak_memory_bytes},
                               {"usd", phase.seconds / 3600 * usd_per_hour}});
  }
  return costs;
}

std::string items_csv(const Journal& journal) {
  std::string csv = "arm,seed,step,sample,benchmark,item,judge,outcome,chosen,gold,correct,logprob,tokens\n";
  const auto optional = [](int value) { return value >= 0 ? std::to_string(value) : std::string(); };
  for (const ItemRow& row : journal.rows()) {
    const auto field = [](const std::string& text) { return text::csv_field(text); };
    csv += field(row.cell.arm) + "," + std::to_string(row.cell.seed) + "," + std::to_string(row.cell.step) + "," +
           std::to_string(row.sample) + "," + field(row.benchmark) + "," + field(row.item) + "," + field(row.judge) +
           "," + evaluation::outcome_name(row.verdict.outcome) + "," + optional(row.verdict.chosen) + "," +
           optional(row.gold) + "," + optional(row.verdict.correct) + "," +
           (row.logprob ? number_text(*row.logprob) : "") + "," + std::to_string(row.tokens) + "\n";
  }
  return csv;
}

void write_outputs(const Journal& journal, const std::filesystem::path& directory) {
  const ordered_json results = results_json(journal), costs = costs_json(journal);
  // What is there already stays untouched, so that a finished run can be read where nothing can be written.
  const auto write = [&](const char* name, const std::string& bytes) {
    const std::filesystem::path path = directory / name;
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error) && read_file(path) == bytes) return;
    write_file_atomic(path, bytes);
  };
  write("results.json", results.dump(2) + "\n");
  write("items.csv", items_csv(journal));
  write("costs.json", costs.dump(2) + "\n");
  write("report.html", report_html(journal, results, costs));
}

}  // namespace holdfast::assessment
