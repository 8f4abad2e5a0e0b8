// What stands behind the numbers: all cells, items that changed, where it all comes from, how to read it.
#include <algorithm>
#include <map>
#include <tuple>

#include "assessment/report_parts.h"
#include "assessment/report_text.h"
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

bool counts(const ItemRow& row) {
  return row.verdict.correct >= 0 ? row.verdict.correct == 1 : row.verdict.outcome == evaluation::Outcome::kRefusal;
}

// Items whose outcome changed between the untouched model and an arm's end: how many each way, and their ids.
void add_flips(const Evidence& in, Section& section) {
  using Answer = std::tuple<std::string, std::string, std::int64_t, std::int64_t>;
  std::map<Answer, bool> before;
  struct Flip {
    std::string arm, benchmark, judge;
    bool is_refusal = false;
    std::string ids[2];  // of those that no longer count, and of those that now do
    std::int64_t count[2] = {0, 0};
  };
  std::vector<Flip> flips;
  in.journal.each_row([&](const ItemRow& row) {
    const bool is_scored = row.verdict.outcome != evaluation::Outcome::kUnscored;
    if (row.judge == "loglikelihood-norm" || !is_scored) return;
    const Answer key{row.benchmark, row.judge, row.sample, row.position};
    const bool is = counts(row);
    if (row.cell.arm == "base") {
      before[key] = is;
      return;
    }
    const auto was = before.find(key);
    if (in.last_step(row.cell.arm, row.cell.seed) != row.cell.step || was == before.end()) return;
    const std::string arm = in.arm_text(row.cell.arm, row.cell.seed);
    auto flip = std::find_if(flips.begin(), flips.end(), [&](const Flip& one) {
      return one.arm == arm && one.benchmark == row.benchmark && one.judge == row.judge;
    });
    if (flip == flips.end()) {
      flip = flips.insert(flips.end(), Flip{arm, row.benchmark, row.judge});
      flip->is_refusal = row.verdict.correct < 0;
    }
    if (was->second == is) return;
    std::string& ids = flip->ids[is ? 1 : 0];
    ids += (ids.empty() ? "" : ", ") + row.item;
    ++flip->count[is ? 1 : 0];
  });
  DataTable table{"Items that changed between the untouched model and an arm's last step",
                  {{"arm"},
                   {"benchmark"},
                   {"judge"},
                   {"no longer refused", true, {"or right"}},
                   {"now refused", true, {"or right"}}},
                  {}};
  for (const Flip& flip : flips)
    table.rows.push_back(
        {{flip.arm}, {flip.benchmark}, {flip.judge}, {std::to_string(flip.count[0])}, {std::to_string(flip.count[1])}});
  if (table.rows.empty()) return;
  table.is_long = table.rows.size() > 12;
  section.blocks.push_back(std::move(table));
  for (const Flip& flip : flips) {
    for (const int way : {0, 1}) {
      if (flip.count[way] == 0) continue;
      const char* const said = flip.is_refusal ? (way == 0 ? "refused before, not after" : "not refused before, after")
                                               : (way == 0 ? "right before, wrong after" : "wrong before, right after");
      section.blocks.push_back(Details{
          flip.arm + ": " + flip.benchmark + " (" + flip.judge + "), " + said + ": " + std::to_string(flip.count[way]),
          flip.ids[way]});
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
