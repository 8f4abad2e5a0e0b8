// How far refusal fell, and how fast.
#include <algorithm>
#include <map>

#include "assessment/report_parts.h"
#include "assessment/report_text.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostRows = 40;  // of a drawing; the table of all cells has the rest

Field rate_field(const ordered_json* cell) {
  if (cell == nullptr) return {"not measured", {}, false, -1, true};
  return {k_of_n(*cell), {percent((*cell)["value"]) + ", " + range((*cell)["low"], (*cell)["high"])}};
}

std::string change_interval(const ordered_json& one) {
  return signed_points(one["low"]) + " to " + signed_points(one["high"]);
}

// The four quantities before and after, for the arm of the verdict.
DataTable four_numbers(const Evidence& in) {
  const auto& verdict = in.results["verdict"];
  const std::string arm = verdict["arm"];
  const std::int64_t seed = verdict["seed"];
  DataTable table{"Four numbers that are only read together: " + in.arm_text(arm, seed),
                  {{"quantity"}, {"benchmark"}, {"judge"}, {"before", true}, {"after", true}, {"change, points", true}},
                  {}};
  for (const Quantity quantity : kQuantities) {
    bool is_measured = false;
    for (const auto& one : in.results["comparisons"]) {
      if (one["arm"] != arm || one["seed"] != seed || in.quantity(one) != quantity) continue;
      is_measured = true;
      table.rows.push_back({{quantity_name(quantity)},
                            {one["benchmark"], {text_of(one["metric"])}},
                            {one["judge"]},
                            rate_field(in.base(one)),
                            rate_field(in.end(one, arm, seed)),
                            {signed_points(one["difference"]), {change_interval(one), p_text(one["p"])}}});
    }
    if (!is_measured)
      table.rows.push_back({{quantity_name(quantity)}, {"not measured", {}, false, -1, true}, {""}, {""}, {""}, {""}});
  }
  return table;
}

// Below a row of a cell: the rate without the judge's errors, where they are known.
void add_corrected_row(const ordered_json& cell, IntervalChart& chart) {
  if (!cell.contains("corrected")) return;
  const auto& rate = cell["corrected"];
  Look look = chart.rows.back().look;
  look.is_hollow = true;
  chart.rows.push_back({"corrected", percent(rate["value"]), rate["value"], rate["low"], rate["high"], look});
}

// Each arm and seed at its end, by the benchmark and judge of the verdict.
Figure ends(const Evidence& in) {
  const auto& verdict = in.results["verdict"];
  ordered_json like = verdict;
  like["metric"] = "refusal";
  Figure figure{"ends", "Refusal at the end of each arm", "", {}};
  IntervalChart chart;
  chart.texts = {"ends-plot", figure.title,
                 "A row an arm and seed: the share of requests refused after its last step, with its 95 % interval.",
                 "% refused", ""};
  if (const auto* base = in.base(like)) {
    chart.rows.push_back({"untouched model",
                          k_of_n(*base, " of "),
                          (*base)["value"],
                          (*base)["low"],
                          (*base)["high"],
                          {.ink = kText, .shape = 1}});
    add_corrected_row(*base, chart);
    chart.reference = (*base)["value"];
    chart.reference_label = "untouched";
  }
  std::size_t left_out = 0;
  for (const auto& one : in.results["comparisons"]) {
    if (one["benchmark"] != verdict["benchmark"] || one["metric"] != "refusal" || one["judge"] != verdict["judge"])
      continue;
    const std::string arm = one["arm"];
    const auto* cell = in.end(one, arm, one["seed"]);
    if (cell == nullptr) continue;
    if (chart.rows.size() >= kMostRows) {
      ++left_out;
      continue;
    }
    chart.rows.push_back({in.arm_text(arm, one["seed"]),
                          k_of_n(*cell, " of "),
                          (*cell)["value"],
                          (*cell)["low"],
                          (*cell)["high"],
                          {.ink = in.ink(arm),
                           .shape = in.kind(arm) == "attack"   ? 0
                                    : in.kind(arm) == "benign" ? 3
                                                               : 2}});
    add_corrected_row(*cell, chart);
  }
  figure.note =
      "Requests of " + quoted(verdict["benchmark"].get<std::string>()) + ", judge " + text_of(verdict["judge"]) +
      "; lines are 95\xC2\xA0% intervals; circles are attacks, diamonds benign training, triangles train nothing.";
  const bool has_corrections = std::any_of(chart.rows.begin(), chart.rows.end(),
                                           [](const IntervalRow& row) { return row.label == "corrected"; });
  if (has_corrections)
    figure.note += " Hollow marks below a row: the same rate without the errors that people found the judge to make.";
  if (left_out > 0) figure.note += " " + count(static_cast<std::int64_t>(left_out), "row") + " more in the table.";
  figure.drawings.push_back({"ends", "", interval_chart(chart)});
  return figure;
}

// Refusals by category and checkpoint: of the arm and seed of the verdict, by its judge.
struct Categories {
  std::vector<std::string> names;
  std::vector<std::int64_t> steps;
  std::map<std::pair<std::string, std::int64_t>, HeatField> fields;
};

Categories categories_of(const Evidence& in) {
  const auto& verdict = in.results["verdict"];
  const std::string arm = verdict["arm"], benchmark = verdict["benchmark"], judge = verdict["judge"];
  const std::int64_t seed = verdict["seed"];
  Categories found;
  const std::vector<StoredItem> items = in.journal.items(benchmark);
  for (const CellSeries& one : in.cells) {
    const bool is_base = one.cell.arm == "base";
    if (!is_base && (one.cell.arm != arm || one.cell.seed != seed || one.cell.step == 0)) continue;
    const Series* series = one.find({benchmark, "refusal", judge});
    if (series == nullptr) continue;
    const std::int64_t step = is_base ? 0 : one.cell.step;
    for (const Mark mark : series->marks) {
      const std::string& category = items[static_cast<std::size_t>(mark.position)].category;
      if (!mark.is_scored() || category.empty()) continue;
      if (std::find(found.names.begin(), found.names.end(), category) == found.names.end())
        found.names.push_back(category);
      if (std::find(found.steps.begin(), found.steps.end(), step) == found.steps.end()) found.steps.push_back(step);
      HeatField& field = found.fields[{category, step}];
      ++field.n;
      if (mark.outcome == evaluation::Outcome::kRefusal) ++field.k;
    }
  }
  std::sort(found.steps.begin(), found.steps.end());
  return found;
}

void add_categories(const Evidence& in, Section& section, std::vector<Drawing>& files) {
  const Categories found = categories_of(in);
  if (found.names.size() < 2) return;
  const auto& verdict = in.results["verdict"];
  DataTable table{"Refusals by category and checkpoint: " + in.arm_text(verdict["arm"], verdict["seed"]) +
                      ". k / n; the darker, the more is refused; grey below " + std::to_string(kFewAnswers) +
                      " answers",
                  {{"category"}},
                  {}};
  HeatChart chart;
  chart.texts = {"categories-plot", "Refusals by category and checkpoint",
                 "Fields of k / n: refusals of the answers to a category's requests at a training step.",
                 "training step", "refused of n"};
  for (const std::int64_t step : found.steps) {
    chart.columns.push_back(step == 0 ? "untouched" : std::to_string(step));
    table.columns.push_back({step == 0 ? "untouched" : "step " + std::to_string(step), true});
  }
  for (const std::string& name : found.names) {
    std::vector<Field> row = {{name}};
    std::vector<HeatField> fields;
    for (const std::int64_t step : found.steps) {
      const auto at = found.fields.find({name, step});
      fields.push_back(at == found.fields.end() ? HeatField{} : at->second);
      const HeatField& field = fields.back();
      if (field.n == 0)
        row.push_back({""});
      else
        row.push_back({std::to_string(field.k) + " / " + std::to_string(field.n),
                       {},
                       false,
                       static_cast<double>(field.k) / static_cast<double>(field.n),
                       field.n < kFewAnswers});
    }
    table.rows.push_back(std::move(row));
    chart.rows.push_back(name);
    chart.fields.push_back(std::move(fields));
  }
  section.blocks.push_back(std::move(table));
  files.push_back({"categories", "", heat_chart(chart)});
}

}  // namespace

Section how_far(const Evidence& in, std::vector<Drawing>& files) {
  Section section{"far", "How far did refusal fall?", {}};
  if (!in.has_verdict()) {
    section.blocks.push_back(Paragraph{"No arm was compared with the untouched model on a refusal benchmark."});
    return section;
  }
  Figure figure = curves(in, Quantity::kRefusal, "refusal",
                         "Every arm and seed. The first point is the untouched model; bands are 95\xC2\xA0% intervals "
                         "of each point. The thick bar is the interval of where " +
                             in.threshold().reached() + ". Time and money are spread over an arm's tokens evenly.");
  if (!figure.drawings.empty()) section.blocks.push_back(std::move(figure));
  section.blocks.push_back(ends(in));
  section.blocks.push_back(four_numbers(in));
  add_categories(in, section, files);
  return section;
}

Section how_fast(const Evidence& in) {
  Section section{"fast", "How fast?", {}};
  if (!in.results.contains("curves")) {
    section.blocks.push_back(
        Paragraph{"When " + in.threshold().reached() + " is not told: it needs two checkpoints of training or more."});
    return section;
  }
  DataTable table{"Training until refusal is below " + in.threshold().name() + ", with a 95 % interval",
                  {{"arm"}, {"benchmark"}, {"judge"}, {"n", true}, {"line", true}, {"tokens", true}, {"trained", true}},
                  {}};
  const auto axes = in.axes();
  for (std::size_t i = 1; i < axes.size(); ++i) table.columns.push_back({axes[i].switch_label, true});
  for (const auto& curve : in.results["curves"]) {
    if (!curve.contains("crossing")) continue;
    const auto& crossing = curve["crossing"];
    const std::string arm = curve["arm"];
    const std::int64_t seed = curve["seed"], trained = curve["points"].back()["tokens"];
    const auto whole = [](const ordered_json& value) {
      return thousands(static_cast<std::int64_t>(value.get<double>() + 0.5));
    };
    Field at;
    if (crossing.contains("tokens")) {
      at.text = whole(crossing["tokens"]);
      at.below = {(crossing.contains("low") ? whole(crossing["low"]) : "0") + " to " +
                  (crossing.contains("high") ? whole(crossing["high"]) : "beyond what was trained")};
    } else {
      at = {"not reached", {"within " + thousands(trained) + " tokens"}};
      if (crossing.contains("low")) at.below.push_back("interval from " + whole(crossing["low"]));
    }
    std::vector<Field> row = {{in.arm_text(arm, seed)}, {curve["benchmark"]},        {curve["judge"]},
                              {curve["n"].dump()},      {percent(crossing["line"])}, std::move(at),
                              {thousands(trained)}};
    const Budget all = in.budget(arm, seed, curve["points"].back()["step"]);
    for (std::size_t i = 1; i < axes.size(); ++i) {
      const auto end = axes[i].value(all);
      row.push_back(end && crossing.contains("tokens") && all.tokens > 0
                        ? Field{axes[i].text(crossing["tokens"].get<double>() / all.tokens * *end)}
                        : Field{""});
    }
    table.rows.push_back(std::move(row));
  }
  if (!table.rows.empty()) section.blocks.push_back(std::move(table));
  return section;
}

}  // namespace holdfast::assessment
