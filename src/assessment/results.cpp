#include "assessment/results.h"

#include <cstdio>
#include <map>

#include "assessment/costs.h"
#include "assessment/ledger.h"
#include "assessment/overlap_scan.h"
#include "assessment/report.h"
#include "assessment/result_agreement.h"
#include "assessment/result_calibration.h"
#include "assessment/result_cells.h"
#include "assessment/result_comparisons.h"
#include "assessment/result_summaries.h"
#include "assessment/series.h"
#include "assessment/verdict.h"
#include "base/files.h"
#include "text/records.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

std::string number_text(double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.6f", value);
  return buffer;
}

}  // namespace

ordered_json results_json(const Journal& journal) {
  const ordered_json identity = journal.identity();
  const auto grouped = read_series(journal, identity["kinds"]);
  ordered_json results = {{"schema", 1}, {"provenance", identity["provenance"]}, {"cells", ordered_json::array()}};
  std::map<std::string, std::vector<StoredItem>> items;
  for (const CellSeries& cell : grouped) {
    for (const Series& series : cell.series) {
      const std::string& name = series.key.benchmark;
      if (items.count(name) == 0) items[name] = journal.items(name);
      results["cells"].push_back(cell_json(cell.cell, series, items[name]));
    }
  }
  results["comparisons"] = comparisons_json(journal, grouped, identity["kinds"]);
  if (auto agreement = agreement_json(grouped); !agreement.empty()) results["agreement"] = std::move(agreement);
  if (auto summaries = summaries_json(grouped); !summaries.empty()) results["summaries"] = std::move(summaries);
  if (auto curves = curves_json(journal, grouped); !curves.empty()) results["curves"] = std::move(curves);
  add_corrections(journal, results);
  results["verdict"] = verdict_json(journal, results);
  add_overlap(journal, results);
  return results;
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

namespace {

struct Numbers {
  ordered_json results;
  std::string items;
};

Numbers numbers_of(const Journal& journal) { return {results_json(journal), items_csv(journal)}; }

void write_numbers(const Journal& journal, const Numbers& numbers, const std::filesystem::path& directory) {
  const ordered_json costs = costs_json(journal, numbers.results);
  // What is there already stays untouched, so that a finished run can be read where nothing can be written.
  const auto write = [&](const char* name, const std::string& bytes) {
    const std::filesystem::path path = directory / name;
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error) && read_file(path) == bytes) return;
    write_file_atomic(path, bytes);
  };
  write("results.json", numbers.results.dump(2) + "\n");
  write("items.csv", numbers.items);
  write("costs.json", costs.dump(2) + "\n");
  write("report.html", report_html(journal, numbers.results, costs));
}

}  // namespace

void write_outputs(const Journal& journal, const std::filesystem::path& directory) {
  write_numbers(journal, numbers_of(journal), directory);
}

void finish_outputs(Journal& journal, const std::filesystem::path& directory) {
  if (journal.is_finished()) return write_outputs(journal, directory);
  journal.mark_finished();
  const Numbers numbers = numbers_of(journal);
  journal.record_phase(CostMeter::of_process().take("report", ""));
  write_numbers(journal, numbers, directory);
}

}  // namespace holdfast::assessment
