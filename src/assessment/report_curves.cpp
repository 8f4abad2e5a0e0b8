// Quantities over training: the lines of all arms and seeds, drawn against each thing that training costs.
#include <algorithm>

#include "assessment/report_parts.h"
#include "assessment/report_text.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kManyLines = 8;  // more are thin, but for the verdict's own

// What is drawn of an arm and seed, with the cells of its points in the order of steps.
struct Line {
  const ordered_json* first;
  std::string arm;
  std::int64_t seed;
  std::vector<const ordered_json*> cells;
};

std::vector<Line> lines_of(const Evidence& in, Quantity quantity) {
  std::vector<Line> lines;
  for (const auto& cell : in.results["cells"]) {
    if (cell["step"] == 0 || in.is_confirming(cell["seed"]) || in.quantity(cell) != quantity || !cell.contains("low"))
      continue;
    auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& one) {
      const auto& first = *one.first;
      return one.arm == cell["arm"] && one.seed == cell["seed"] && first["benchmark"] == cell["benchmark"] &&
             first["metric"] == cell["metric"] && first["judge"] == cell["judge"];
    });
    if (line == lines.end()) {
      line = lines.insert(lines.end(), Line{&cell, cell["arm"], cell["seed"], {}});
      if (const auto* base = in.base(cell)) line->cells.push_back(base);
    }
    line->cells.push_back(&cell);
  }
  return lines;
}

// Where the curves of results.json say that refusal crossed the threshold, for the arm of the verdict.
std::vector<Crossing> crossings_of(const Evidence& in, const BudgetAxis& axis) {
  std::vector<Crossing> list;
  if (!in.has_verdict() || !in.results.contains("curves")) return list;
  const auto& verdict = in.results["verdict"];
  for (const auto& curve : in.results["curves"]) {
    if (curve["arm"] != verdict["arm"] || curve["seed"] != verdict["seed"] || !curve.contains("crossing") ||
        curve["benchmark"] != verdict["benchmark"] || curve["judge"] != verdict["judge"])
      continue;
    const auto& last = curve["points"].back();
    const Budget all = in.budget(curve["arm"], curve["seed"], last["step"]);
    const auto end = axis.value(all);
    const auto at = [&](const char* key) -> std::optional<double> {
      if (!curve["crossing"].contains(key) || !end || all.tokens <= 0) return std::nullopt;
      return curve["crossing"][key].get<double>() / all.tokens * *end;  // what training costs grows with its tokens
    };
    list.push_back({curve["crossing"]["line"], at("tokens"), at("low"), at("high"), in.ink(curve["arm"])});
  }
  return list;
}

// A line's points against an axis: the rates as the judge counts them, or corrected for its errors where that is known.
std::vector<LinePoint> points_of(const Evidence& in, const Line& line, const BudgetAxis& axis, bool is_corrected) {
  std::vector<LinePoint> points;
  for (const auto* cell : line.cells) {
    if (is_corrected && !cell->contains("corrected")) continue;
    const auto x = (*cell)["step"] == 0 ? 0 : axis.value(in.budget(line.arm, line.seed, (*cell)["step"]));
    if (!x) continue;
    const auto& rate = is_corrected ? (*cell)["corrected"] : *cell;
    points.push_back({*x, rate["value"], rate["low"], rate["high"],
                      in.arm_text(line.arm, line.seed) + ", " + in.measure_text(*line.first) + ", step " +
                          (*cell)["step"].dump() + ": " +
                          (is_corrected ? corrected_in_words(*cell) : rate_in_words(*cell))});
  }
  return points;
}

// The same lines for the script that zooms.
ordered_json zoom_of(const LineChart& chart) {
  ordered_json series = ordered_json::array();
  for (const ChartLine& line : chart.lines) {
    ordered_json points = ordered_json::array();
    for (const LinePoint& point : line.points)
      points.push_back({point.x, point.value, point.low, point.high, point.note});
    series.push_back({{"name", line.legend},
                      {"colour", line.look.ink.name},
                      {"shape", line.look.shape},
                      {"points", std::move(points)}});
  }
  return {{"x", chart.texts.x_label}, {"y", chart.texts.y_label}, {"series", std::move(series)}};
}

}  // namespace

Figure curves(const Evidence& in, Quantity quantity, const std::string& name, const std::string& note) {
  const char* const titles[] = {"Refusal of harmful requests over training", "Refusal of safe requests over training",
                                "Usefulness of what is answered over training", "Capability over training"};
  const char* const labels[] = {"% refused", "% refused", "% told, or the judge's score", "% right"};
  const auto place = static_cast<std::size_t>(quantity);
  Figure figure{name, titles[place], note, {}};
  const auto lines = lines_of(in, quantity);
  if (lines.empty()) return figure;
  std::vector<std::string> measures;  // marks and dashes go by these
  for (const Line& line : lines) {
    const std::string measure = in.measure_text(*line.first);
    if (std::find(measures.begin(), measures.end(), measure) == measures.end()) measures.push_back(measure);
  }
  ordered_json zoom = ordered_json::array();
  bool has_corrections = false;
  for (const BudgetAxis& axis : in.axes()) {
    LineChart chart;
    chart.texts = {name + "-" + axis.name, figure.title,
                   "Lines of " + count(static_cast<std::int64_t>(lines.size()), "arm, seed and measure") + " against " +
                       axis.label + "; the numbers are in the table of all cells.",
                   axis.label, labels[place]};
    chart.x_text = axis.text;
    for (const Line& line : lines) {
      const std::string measure = in.measure_text(*line.first);
      const auto index = std::find(measures.begin(), measures.end(), measure) - measures.begin();
      const bool is_verdicts =
          in.has_verdict() && in.results["verdict"]["arm"] == line.arm && in.results["verdict"]["seed"] == line.seed;
      ChartLine drawn{in.family(line.arm) + (measures.size() > 1 ? ": " + measure : ""),
                      {.ink = in.ink(line.arm),
                       .shape = static_cast<int>(index),
                       .is_hollow = index > 0,
                       .is_thin = lines.size() > kManyLines && !is_verdicts},
                      points_of(in, line, axis, false)};
      ChartLine corrected{drawn.legend + ", corrected", drawn.look, points_of(in, line, axis, true)};
      corrected.look.shape += static_cast<int>(measures.size());  // a mark and dashes of its own
      corrected.look.is_hollow = true;
      if (drawn.points.size() > 1 || drawn.points.size() == line.cells.size()) chart.lines.push_back(std::move(drawn));
      if (!corrected.points.empty()) {
        chart.lines.push_back(std::move(corrected));
        has_corrections = true;
      }
    }
    if (chart.lines.empty()) continue;
    if (quantity == Quantity::kRefusal) chart.crossings = crossings_of(in, axis);
    zoom.push_back(zoom_of(chart));
    figure.drawings.push_back({name + "_" + axis.name, axis.switch_label, line_chart(chart)});
  }
  figure.zoom = zoom.dump();
  if (has_corrections)
    figure.note += " Lines named " + quoted("corrected") +
                   " are the same rates without the errors that people found the judge to make.";
  return figure;
}

}  // namespace holdfast::assessment
