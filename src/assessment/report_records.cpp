// What stands behind the numbers: all cells, items that changed, where it all comes from, how to read it.
#include <algorithm>
#include <map>
#include <tuple>

#include "assessment/report_parts.h"
#include "assessment/report_text.h"
#include "evaluation/metrics.h"
#include "text/records.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

DataTable cells(const Evidence& in) {
  DataTable table{"All cells. Below a number of unscored answers: between what the rate would lie, whatever they were",
                  {{"arm"},
                   {"seed", true},
                   {"step", true},
                   {"benchmark"},
                   {"metric", false, {"judge"}},
                   {"k / n", true},
                   {"value", true},
                   {"95\xC2\xA0% interval", true},
                   {"degenerate", true},
                   {"unscored", true}},
                  {}};
  table.is_long = true;
  for (const auto& cell : in.results["cells"]) {
    const bool has_value = cell.contains("value") && cell.contains("low");
    Field value{has_value ? percent(cell["value"]) : ""};
    if (cell.contains("corrected")) value.below.push_back("corrected " + percent(cell["corrected"]["value"]));
    Field unscored{text_of(cell["unscored"])};
    if (cell.contains("bounds")) unscored.below.push_back(range(cell["bounds"]["low"], cell["bounds"]["high"]));
    table.rows.push_back({{text_of(cell["arm"])},
                          {text_of(cell["seed"])},
                          {text_of(cell["step"])},
                          {text_of(cell["benchmark"])},
                          {text_of(cell["metric"]), {text_of(cell["judge"])}},
                          {k_of_n(cell)},
                          std::move(value),
                          {has_value ? range(cell["low"], cell["high"]) : ""},
                          {text_of(cell["degenerate"])},
                          std::move(unscored)});
  }
  return table;
}

std::string cells_csv(const Evidence& in) {
  std::string csv = "arm,seed,step,tokens,benchmark,metric,judge,k,n,value,low,high,unscored,degenerate\n";
  for (const auto& cell : in.results["cells"]) {
    const std::string arm = cell["arm"];
    csv += text::csv_field(arm) + "," + cell["seed"].dump() + "," + cell["step"].dump() + "," +
           format("%.0f", in.budget(arm, cell["seed"], cell["step"]).tokens);
    for (const char* key : {"benchmark", "metric", "judge"}) csv += "," + text::csv_field(text_of(cell[key]));
    for (const char* key : {"k", "n", "value", "low", "high", "unscored", "degenerate"})
      csv += "," + (cell.contains(key) ? cell[key].dump() : "");
    csv += "\n";
  }
  return csv;
}

// Answers of an arm's last step whose outcome is another than the untouched model's.
struct Flips {
  std::string arm, benchmark, judge;
  bool is_refusal = false;
  std::vector<std::uint32_t> positions[2]{};  // of the items that no longer count, and of those that now do
};

// Adds the answers that both scored.
void add_flips_of(const Series& before, const Series& after, Flips& flips) {
  for (const Mark is : after.marks) {
    if (!is.is_scored()) continue;
    const Mark was = before.marks.find(is.sample, is.position);
    const bool now = is.value == 1;
    if (was.is_scored() && (was.value == 1) != now)
      flips.positions[now ? 1 : 0].push_back(static_cast<std::uint32_t>(is.position));
  }
}

bool has_pair(const Series& before, const Series& after) {
  return std::any_of(after.marks.begin(), after.marks.end(), [&](const Mark& is) {
    return is.is_scored() && before.marks.find(is.sample, is.position).is_scored();
  });
}

// By arm, benchmark and judge, in plan order.  What is a score has no items that change.
std::vector<Flips> flips_of(const Evidence& in) {
  std::vector<Flips> list;
  const CellSeries* base = nullptr;
  for (const CellSeries& one : in.cells) {
    if (one.cell.arm == "base") base = &one;
    if (base == nullptr || &one == base || in.last_step(one.cell.arm, one.cell.seed) != one.cell.step) continue;
    const std::string arm = in.arm_text(one.cell.arm, one.cell.seed);
    for (const Series& series : one.series) {
      const SeriesKey& key = series.key;
      const Series* before = base->find(key);
      if (before == nullptr || key.judge == "loglikelihood-norm" || key.metric == "harm_score" || series.has_parts)
        continue;
      if (!has_pair(*before, series)) continue;
      auto found = std::find_if(list.begin(), list.end(), [&](const Flips& flips) {
        return flips.arm == arm && flips.benchmark == key.benchmark && flips.judge == key.judge;
      });
      if (found == list.end()) {
        const bool is_refusal = key.metric == "refusal" || key.metric == "over_refusal";
        found = list.insert(list.end(), Flips{arm, key.benchmark, key.judge, is_refusal});
      }
      if (!series.has_scores) add_flips_of(*before, series, *found);
    }
  }
  return list;
}

// Items whose outcome changed between the untouched model and an arm's end: how many each way, and their ids.
void add_flips(const Evidence& in, Section& section) {
  DataTable table{"Items that changed between the untouched model and an arm's last step",
                  {{"arm"},
                   {"benchmark"},
                   {"judge"},
                   {"no longer refused", true, {"or right"}},
                   {"now refused", true, {"or right"}}},
                  {}};
  std::vector<Flips> list = flips_of(in);
  if (list.empty()) return;
  for (const Flips& flips : list)
    table.rows.push_back({{flips.arm},
                          {flips.benchmark},
                          {flips.judge},
                          {std::to_string(flips.positions[0].size())},
                          {std::to_string(flips.positions[1].size())}});
  table.is_long = table.rows.size() > 12;
  section.blocks.push_back(std::move(table));
  std::map<std::string, std::shared_ptr<const std::vector<std::string>>> ids;  // by benchmark
  const auto ids_of = [&](const std::string& benchmark) {
    auto& known = ids[benchmark];
    if (known != nullptr) return known;
    std::vector<std::string> all;
    for (StoredItem& item : in.journal.items(benchmark)) all.push_back(std::move(item.id));
    return known = std::make_shared<const std::vector<std::string>>(std::move(all));
  };
  for (Flips& flips : list) {
    for (const int way : {0, 1}) {
      if (flips.positions[way].empty()) continue;
      const char* const said = flips.is_refusal
                                   ? (way == 0 ? "refused before, not after" : "not refused before, after")
                                   : (way == 0 ? "right before, wrong after" : "wrong before, right after");
      section.blocks.push_back(Details{flips.arm + ": " + flips.benchmark + " (" + flips.judge + "), " + said + ": " +
                                           std::to_string(flips.positions[way].size()),
                                       "",
                                       {ids_of(flips.benchmark), std::move(flips.positions[way])}});
    }
  }
}

DataTable provenance(const Evidence& in) {
  const auto& from = in.results["provenance"];
  DataTable table{"Where it comes from", {{"what"}, {"which"}}, {}};
  table.is_wrapped = true;
  const auto code = [](const ordered_json& value) { return Field{text_of(value), {}, true}; };
  const auto add_model = [&](const std::string& name, const ordered_json& model) {
    table.rows.push_back({{name}, {text_of(model["path"]) + ", base in " + text_of(model["precision"])}});
    for (const auto& [key, value] : model.items()) {
      if (key.ends_with("_sha256"))
        table.rows.push_back({{name + ": " + key.substr(0, key.size() - 7) + " SHA-256"}, code(value)});
    }
  };
  add_model("model", from["model"]);
  if (from.contains("safeguarded") && from["safeguarded"].contains("path"))
    add_model("safeguarded model", from["safeguarded"]);
  table.rows.push_back({{"plan SHA-256"}, code(from["plan_sha256"])});
  for (const auto& one : from["benchmarks"]) {
    Field field = code(one["path_sha256"]);
    field.below = {one["items"].dump() + (one.contains("drawn_from") ? " of " + one["drawn_from"].dump() : "") +
                   " items, version " + text_of(one["version"])};
    if (one.contains("cut")) field.below.push_back("items that lost their beginning: " + one["cut"].dump());
    table.rows.push_back({{"benchmark " + text_of(one["name"])}, std::move(field)});
  }
  for (const auto& one : from["judges"]) table.rows.push_back({{"judge " + text_of(one["name"])}, code(one["sha256"])});
  table.rows.push_back(
      {{"program"},
       {"holdfast " + text_of(from["program"]["version"]) + ", commit " + text_of(from["program"]["commit"])}});
  const auto& arithmetic = in.identity["arithmetic"];
  table.rows.push_back(
      {{"machine"},
       {text_of(from["device"]) + ", kernels " + text_of(arithmetic["kernels"]) + ", threads " +
        text_of(arithmetic["threads"]) + (from.value("deterministic", false) ? ", deterministic" : "")}});
  table.rows.push_back({{"interruptions"}, {in.costs["resumed"].dump()}});
  return table;
}

}  // namespace

Section evidence(const Evidence& in) {
  Section section{"evidence", "The evidence", {}};
  section.blocks.push_back(cells(in));
  section.blocks.push_back(
      Download{"cells.csv", "text/csv", "All cells as CSV, with the training tokens of each", cells_csv(in)});
  if (!in.results["comparisons"].empty()) add_flips(in, section);
  section.blocks.push_back(provenance(in));
  section.blocks.push_back(List{
      "How to read this",
      {"k / n: how many of the answers scored. An answer that is empty, repeats itself or was cut off is degenerate: "
       "it counts in n and never as a refusal.",
       "Intervals hold the true rate in 95 of 100 such measurements: Wilson's, or a wider one where a prompt has "
       "several answers. Intervals of differences are Newcombe's for pairs; p is the exact McNemar test's.",
       "An unscored answer, of which no judge could say anything, counts in neither k nor n.",
       "A judge sees style as well as safety: read refusal beside capability, and label a sample.",
       "Prompts and answers are withheld: items are named by their ids."}});
  return section;
}

}  // namespace holdfast::assessment
