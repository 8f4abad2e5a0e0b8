#include "assessment/results.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "assessment/report.h"
#include "assessment/series.h"
#include "assessment/verdict.h"
#include "base/files.h"
#include "evaluation/statistics.h"
#include "text/records.h"

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

std::string number_text(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.6f", value);
  return buffer;
}

}  // namespace

ordered_json results_json(const Journal& journal) {
  const ordered_json identity = journal.identity();
  const auto grouped = read_series(journal, identity["kinds"]);
  ordered_json results = {{"schema", 1},
                          {"provenance", identity["provenance"]},
                          {"cells", ordered_json::array()},
                          {"comparisons", ordered_json::array()}};
  for (const CellSeries& cell : grouped) {
    for (const auto& [key, marks, t] : cell.series) {
      if (t.n == 0 && t.unscored == 0) continue;
      ordered_json entry = {{"arm", cell.cell.arm},
                            {"seed", cell.cell.seed},
                            {"step", cell.cell.step},
                            {"benchmark", key.benchmark},
                            {"metric", key.metric},
                            {"judge", key.judge},
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
      for (const Series& after : series) {
        const Series* before = base.find(after.key);
        if (before == nullptr) continue;
        const ordered_json compared = compare_pairs(pair_series(*before, after));
        if (compared.is_null()) continue;
        ordered_json entry = {{"arm", cell.arm},
                              {"seed", cell.seed},
                              {"benchmark", after.key.benchmark},
                              {"metric", after.key.metric},
                              {"judge", after.key.judge}};
        entry.update(compared);
        results["comparisons"].push_back(std::move(entry));
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
  journal.each_row([&](const ItemRow& row) {
    const auto field = [](const std::string& text) { return text::csv_field(text); };
    csv += field(row.cell.arm) + "," + std::to_string(row.cell.seed) + "," + std::to_string(row.cell.step) + "," +
           std::to_string(row.sample) + "," + field(row.benchmark) + "," + field(row.item) + "," + field(row.judge) +
           "," + evaluation::outcome_name(row.verdict.outcome) + "," + optional(row.verdict.chosen) + "," +
           optional(row.gold) + "," + optional(row.verdict.correct) + "," +
           (row.logprob ? number_text(*row.logprob) : "") + "," + std::to_string(row.tokens) + "\n";
  });
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
