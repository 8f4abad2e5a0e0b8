#include "assessment/results.h"

#include <functional>
#include <map>

#include "assessment/confirmation.h"
#include "assessment/costs.h"
#include "assessment/items_csv.h"
#include "assessment/ledger.h"
#include "assessment/overlap_scan.h"
#include "assessment/png.h"
#include "assessment/report.h"
#include "assessment/report_markdown.h"
#include "assessment/result_agreement.h"
#include "assessment/result_calibration.h"
#include "assessment/result_cells.h"
#include "assessment/result_comparisons.h"
#include "assessment/result_summaries.h"
#include "assessment/safeguard.h"
#include "assessment/series.h"
#include "assessment/verdict.h"
#include "base/file_update.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

// The rate that is known for a cell: of a benchmark whose plan names one, after an attack arm's last step; null: none.
ordered_json known_truth(const ordered_json& identity, const CellKey& cell, const std::string& benchmark) {
  const auto& arms = identity["arms"];
  const auto arm = arms.find(cell.arm);
  if (arm == arms.end() || (*arm)["kind"] != "attack" || (*arm)["steps"] != cell.step) return {};
  const ordered_json none = ordered_json::object();
  return identity["plan"].value("benchmark", none).value(benchmark, none).value("expected", ordered_json());
}

}  // namespace

ordered_json results_json(const Journal& journal) {
  return results_json(journal, read_series(journal, journal.identity()["kinds"]));
}

ordered_json results_json(const Journal& journal, const std::vector<CellSeries>& grouped) {
  const ordered_json identity = journal.identity();
  ordered_json results = {{"schema", 1}, {"provenance", identity["provenance"]}, {"cells", ordered_json::array()}};
  std::map<std::string, std::vector<StoredItem>> items;
  for (const CellSeries& cell : grouped) {
    for (const Series& series : cell.series) {
      const std::string& name = series.key.benchmark;
      if (items.count(name) == 0) items[name] = journal.items(name);
      results["cells"].push_back(cell_json(cell.cell, series, items[name]));
      if (auto expected = known_truth(identity, cell.cell, name); !expected.is_null())
        results["cells"].back()["expected"] = std::move(expected);
    }
  }
  ordered_json safeguard = safeguard_json(journal, grouped), confirmation = confirmation_json(journal, grouped),
               agreement = agreement_json(grouped);
  // What confirms is no further seed of its arm; each model's arms stand beside its own untouched one.
  std::vector<CellSeries> of_model[2];
  for (const CellSeries& one : grouped) {
    if (!is_confirming(identity, one.cell)) of_model[is_safeguarded(identity, one.cell)].push_back(one);
  }
  results["comparisons"] = ordered_json::array();
  ordered_json summaries = ordered_json::array(), curves = ordered_json::array();
  const auto append = [](ordered_json& list, ordered_json more) {
    for (auto& one : more) list.push_back(std::move(one));
  };
  for (const auto& cells : of_model) {
    append(results["comparisons"], comparisons_json(journal, cells, identity["kinds"]));
    append(summaries, summaries_json(cells));
    append(curves, curves_json(journal, cells));
  }
  const auto add = [&](const char* key, ordered_json value) {
    if (!value.empty()) results[key] = std::move(value);
  };
  add("safeguard", std::move(safeguard));
  add("confirmation", std::move(confirmation));
  add("agreement", std::move(agreement));
  add("summaries", std::move(summaries));
  add("curves", std::move(curves));
  add_corrections(journal, results);
  results["verdict"] = verdict_json(journal, results);
  add_overlap(journal, results);
  return results;
}

std::string report_page(const Journal& journal) {
  const ordered_json results = results_json(journal);
  return report_html(report_document(journal, results, costs_json(journal, results)));
}

namespace {

struct Numbers {
  std::vector<CellSeries> cells;
  ordered_json results;
  FileUpdate items;  // written, and not committed
};

Numbers numbers_of(const Journal& journal, const std::filesystem::path& directory) {
  FileUpdate items(directory / "items.csv");
  ItemsCsv csv([&](std::string_view text) { items.write(text); });
  auto cells = read_series(journal, journal.identity()["kinds"], [&](const ItemRow& row) { csv.add(row); });
  auto results = results_json(journal, cells);
  return {std::move(cells), std::move(results), std::move(items)};
}

void write_numbers(const Journal& journal, Numbers& numbers, const std::filesystem::path& directory) {
  const ordered_json costs = costs_json(journal, numbers.results);
  // What says the same already stays untouched, so that a finished run can be read where nothing can be written.
  const auto write = [&](const std::string& name, const std::function<void(const TextSink&)>& make) {
    FileUpdate file(directory / name);
    make([&](std::string_view text) { file.write(text); });
    file.commit();
  };
  write("results.json", [&](const TextSink& to) { to(numbers.results.dump(2) + "\n"); });
  numbers.items.commit();
  write("costs.json", [&](const TextSink& to) { to(costs.dump(2) + "\n"); });
  const Document report = report_document(journal, numbers.results, costs, numbers.cells);
  write("report.html", [&](const TextSink& to) { write_report_html(report, to); });
  write("report.md", [&](const TextSink& to) { write_markdown(report, to); });
  for (const Drawing& plot : report_plots(report))
    write("plots/" + plot.name + ".svg", [&](const TextSink& to) { to(plot.svg); });
}

}  // namespace

void write_outputs(const Journal& journal, const std::filesystem::path& directory) {
  Numbers numbers = numbers_of(journal, directory);
  write_numbers(journal, numbers, directory);
}

void finish_outputs(Journal& journal, const std::filesystem::path& directory) {
  if (journal.is_finished()) return write_outputs(journal, directory);
  journal.mark_finished();
  Numbers numbers = numbers_of(journal, directory);
  journal.record_phase(CostMeter::of_process().take("report", ""));
  write_numbers(journal, numbers, directory);
}

void write_plots_as_png(const Journal& journal, const std::filesystem::path& directory) {
  const ordered_json results = results_json(journal);
  const Document report = report_document(journal, results, costs_json(journal, results));
  std::filesystem::create_directories(directory / "plots");
  for (const Drawing& plot : report_plots(report)) write_png(plot.svg, directory / "plots" / (plot.name + ".png"));
}

}  // namespace holdfast::assessment
