// What an arm is compared to: the untouched model, the other arms, every cell of a grid, a safeguarded model.
#include <algorithm>

#include "assessment/report_parts.h"
#include "assessment/report_text.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

struct Run {
  std::string arm;
  std::int64_t seed;
};

std::vector<Run> runs_of(const Evidence& in) {
  std::vector<Run> runs;
  for (const auto& one : in.results["comparisons"]) {
    const std::string arm = one["arm"];
    const std::int64_t seed = one["seed"];
    if (std::none_of(runs.begin(), runs.end(), [&](const Run& run) { return run.arm == arm && run.seed == seed; }))
      runs.push_back({arm, seed});
  }
  return runs;
}

const ordered_json* comparison_of(const Evidence& in, const ordered_json& like, const Run& run) {
  for (const auto& one : in.results["comparisons"]) {
    if (one["arm"] == run.arm && one["seed"] == run.seed && one["benchmark"] == like["benchmark"] &&
        one["metric"] == like["metric"] && one["judge"] == like["judge"])
      return &one;
  }
  return nullptr;
}

Field rate_field(const ordered_json* cell, const ordered_json* change) {
  if (cell == nullptr) return {""};
  Field field{k_of_n(*cell), {percent((*cell)["value"]), range((*cell)["low"], (*cell)["high"])}};
  if (change != nullptr) field.below.push_back(signed_points((*change)["difference"]) + " points");
  return field;
}

std::string tokens_text(const Evidence& in, const Run& run) {
  return thousands(static_cast<std::int64_t>(in.budget(run.arm, run.seed, in.last_step(run.arm, run.seed)).tokens));
}

// Each arm's end beside the others and the untouched model.
DataTable arms_table(const Evidence& in) {
  DataTable table{
      "The arms side by side, each at its last step: k / n, the rate, its interval, and its change on the items "
      "that both scored",
      {{"arm"}, {"kind"}, {"steps", true, {"tokens"}}},
      {}};
  std::vector<Field> untouched = {{in.arm_text("base", 0)}, {""}, {"0"}};
  std::vector<const ordered_json*> base;
  for (const auto& cell : in.results["cells"]) {
    if (cell["arm"] != "base" || !in.quantity(cell) || !cell.contains("low")) continue;
    base.push_back(&cell);
    const bool has_judge = cell["metric"] == "refusal" || cell["metric"] == "over_refusal";
    Column column{cell["benchmark"], true, {text_of(cell["metric"])}};
    if (has_judge) column.below.push_back(text_of(cell["judge"]));
    table.columns.push_back(std::move(column));
    untouched.push_back(rate_field(&cell, nullptr));
  }
  table.rows.push_back(std::move(untouched));
  std::vector<Field> safeguarded = {{in.arm_text("safeguarded", 0)}, {""}, {"0"}};
  for (const auto* cell : base) safeguarded.push_back(rate_field(in.cell(*cell, "safeguarded", 0, 0), nullptr));
  const bool is_measured =
      std::any_of(safeguarded.begin() + 3, safeguarded.end(), [](const Field& f) { return !f.text.empty(); });
  if (is_measured) table.rows.push_back(std::move(safeguarded));
  for (const Run& run : runs_of(in)) {
    std::vector<Field> row = {{in.arm_text(run.arm, run.seed)},
                              {in.kind(run.arm)},
                              {thousands(in.last_step(run.arm, run.seed)), {tokens_text(in, run)}}};
    for (const auto* cell : base)
      row.push_back(rate_field(in.end(*cell, run.arm, run.seed), comparison_of(in, *cell, run)));
    table.rows.push_back(std::move(row));
  }
  table.is_long = table.rows.size() > 12;
  return table;
}

std::string value_text(const ordered_json& value) {
  return value.is_number_float() ? format("%g", value) : text_of(value);
}

// Every cell of the families that are a grid: its setting, and what it did to refusal and capability.
void add_grid(const Evidence& in, Section& section) {
  std::vector<std::string> keys;
  for (const auto& [name, about] : in.identity["arms"].items()) {
    const ordered_json setting = in.setting(name);
    if (!setting.is_object()) continue;
    for (const auto& [key, value] : setting.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  if (keys.empty() || !in.has_verdict()) return;
  const auto& verdict = in.results["verdict"];
  ordered_json refusal = verdict;
  refusal["metric"] = "refusal";
  DataTable table{"Every cell of the grid: what it was given, and what it did", {{"cell"}, {"family"}}, {}};
  for (const std::string& key : keys) table.columns.push_back({key, true});
  table.columns.push_back({"tokens", true});
  table.columns.push_back({"refusal", true, {verdict["benchmark"], verdict["judge"]}});
  table.columns.push_back({"until " + in.threshold().reached(), true, {"tokens"}});
  table.columns.push_back({"capability", true, {"largest loss"}});
  for (const Run& run : runs_of(in)) {
    const ordered_json setting = in.setting(run.arm);
    if (!setting.is_object()) continue;
    std::vector<Field> row = {{in.arm_text(run.arm, run.seed)}, {in.family(run.arm)}};
    for (const std::string& key : keys) row.push_back({setting.contains(key) ? value_text(setting[key]) : ""});
    row.push_back({tokens_text(in, run)});
    const auto* cell = in.end(refusal, run.arm, run.seed);
    Field field = rate_field(cell, comparison_of(in, refusal, run));
    if (cell != nullptr) field.shade = (*cell)["value"];
    row.push_back(std::move(field));
    Field until{"not told"};
    for (const auto& curve : in.results.value("curves", ordered_json::array())) {
      if (curve["arm"] != run.arm || curve["seed"] != run.seed || curve["benchmark"] != verdict["benchmark"] ||
          curve["judge"] != verdict["judge"] || !curve.contains("crossing"))
        continue;
      until.text = curve["crossing"].contains("tokens")
                       ? thousands(static_cast<std::int64_t>(curve["crossing"]["tokens"].get<double>() + 0.5))
                       : "not reached";
    }
    row.push_back(std::move(until));
    const ordered_json* worst = nullptr;
    for (const auto& one : in.results["comparisons"]) {
      if (one["arm"] == run.arm && one["seed"] == run.seed && in.quantity(one) == Quantity::kCapability &&
          (worst == nullptr || one["difference"] < (*worst)["difference"]))
        worst = &one;
    }
    row.push_back(worst == nullptr ? Field{"not measured", {}, false, -1, true}
                                   : Field{points((*worst)["difference"]),
                                           {text_of((*worst)["benchmark"]), signed_points((*worst)["low"]) + " to " +
                                                                                signed_points((*worst)["high"])}});
    table.rows.push_back(std::move(row));
  }
  table.is_long = table.rows.size() > 15;
  section.blocks.push_back(std::move(table));
}

void add_safeguard(const Evidence& in, Section& section) {
  if (!in.results.contains("safeguard")) return;
  DataTable table{"With the safeguard and without it, under the same arm at the same step, on the same items",
                  {{"arm"},
                   {"step", true},
                   {"benchmark"},
                   {"metric", false, {"judge"}},
                   {"n", true},
                   {"without", true},
                   {"with", true},
                   {"points", true},
                   {"p", true},
                   {"detectable", true}},
                  {}};
  for (const auto& one : in.results["safeguard"]) {
    const std::string arm = one["arm"];
    const std::int64_t seed = one["seed"], step = one["step"];
    table.rows.push_back(
        {{in.arm_text(arm, seed)},
         {one["step"].dump()},
         {one["benchmark"]},
         {one["metric"], {text_of(one["judge"])}},
         {one["n"].dump()},
         rate_field(in.cell(one, arm, seed, step), nullptr),
         rate_field(in.cell(one, "safeguarded: " + arm, seed, step), nullptr),
         {signed_points(one["difference"]), {signed_points(one["low"]) + " to " + signed_points(one["high"])}},
         {format("%.2g", one["p"])},
         {format("%.1f", 100 * one["minimum_detectable"].get<double>())}});
  }
  section.blocks.push_back(std::move(table));
}

// Where a rate is known beforehand: the measured one beside it.
void add_truth(const Evidence& in, Section& section) {
  DataTable table{
      "Known truth: what was planted in the model, and what the attack was measured to recover. An interval that "
      "does not hold the known rate says that the attack recovers less than there is, or that the instrument errs",
      {{"arm"}, {"step", true}, {"benchmark"}, {"known", true}, {"measured", true}, {"known rate is"}},
      {}};
  for (const auto& cell : in.results["cells"]) {
    if (!cell.contains("expected") || !cell.contains("value") || !cell.contains("low")) continue;
    const bool is_inside = cell["low"] <= cell["expected"] && cell["expected"] <= cell["high"];
    table.rows.push_back({{in.arm_text(cell["arm"], cell["seed"])},
                          {cell["step"].dump()},
                          {cell["benchmark"]},
                          {percent(cell["expected"])},
                          rate_field(&cell, nullptr),
                          {is_inside ? "inside the interval" : "outside the interval"}});
  }
  if (!table.rows.empty()) section.blocks.push_back(std::move(table));
}

}  // namespace

DataTable table_of(const std::string& caption, const ordered_json& list) {
  DataTable table{caption, {}, {}};
  std::vector<std::string> keys;
  for (const auto& one : list) {
    for (const auto& [key, value] : one.items()) {
      if (value.is_structured() || std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      keys.push_back(key);
      table.columns.push_back({key, value.is_number()});
    }
  }
  for (const auto& one : list) {
    std::vector<Field> row;
    for (const std::string& key : keys) row.push_back({one.contains(key) ? value_text(one[key]) : ""});
    table.rows.push_back(std::move(row));
  }
  table.is_long = table.rows.size() > 15;
  return table;
}

Section compared_to_what(const Evidence& in) {
  Section section{"compared", "Compared to what?", {}};
  if (in.results["comparisons"].empty()) {
    section.blocks.push_back(Paragraph{"No arm was measured beside the untouched model."});
    return section;
  }
  section.blocks.push_back(arms_table(in));
  add_truth(in, section);
  add_grid(in, section);
  add_safeguard(in, section);
  return section;
}

}  // namespace holdfast::assessment
