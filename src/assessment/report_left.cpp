// What was left: capability, usefulness and the refusal of safe requests beside the refusal of harmful ones.
#include "assessment/report_parts.h"
#include "assessment/report_text.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

// The refusal that a crossing chart has as its one axis: by the benchmark and judge of the verdict.
ordered_json refusal_of(const Evidence& in) {
  ordered_json like = in.results["verdict"];
  like["metric"] = "refusal";
  return like;
}

CrossPoint crossing(const Evidence& in, const ordered_json& x, const ordered_json& y, const std::string& arm,
                    std::int64_t seed, const std::string& measure, const Look& look) {
  const std::string name = in.arm_text(arm, seed);
  return {.x = x["value"],
          .x_low = x["low"],
          .x_high = x["high"],
          .y = y["value"],
          .y_low = y["low"],
          .y_high = y["high"],
          .legend = (Evidence::is_untouched(arm) ? name : in.family(arm)) + (measure.empty() ? "" : ": " + measure),
          .note = name + ", step " + y["step"].dump() + ": " + y["benchmark"].get<std::string>() + " " +
                  rate_in_words(y) + "; " + x["benchmark"].get<std::string>() + " " + rate_in_words(x),
          .look = look};
}

// Entries of `quantity` against refusal: the untouched model, and each arm and seed at its end.
Figure cross(const Evidence& in, Quantity quantity, ChartTexts texts, const std::string& note) {
  Figure figure{texts.name, texts.title, note, {}};
  const ordered_json refusal = refusal_of(in);
  CrossChart chart{texts, {}, {}};
  chart.texts.name += "-plot";
  std::vector<std::string> measures;
  for (const auto& cell : in.results["cells"]) {
    if (cell["arm"] != "base" || in.quantity(cell) != quantity || !cell.contains("low")) continue;
    const auto* base = in.cell(refusal, "base", 0, 0);
    if (base == nullptr) continue;
    const int shape = static_cast<int>(measures.size());
    measures.push_back(in.measure_text(cell));
    const std::string measure = measures.back();
    const std::size_t origin = chart.points.size();
    chart.points.push_back(
        crossing(in, *base, cell, "base", 0, measure, {.ink = kText, .shape = shape, .is_hollow = true}));
    for (const auto& one : in.results["comparisons"]) {
      if (one["benchmark"] != cell["benchmark"] || one["metric"] != cell["metric"] || one["judge"] != cell["judge"])
        continue;
      const std::string arm = one["arm"];
      const auto *x = in.end(refusal, arm, one["seed"]), *y = in.end(one, arm, one["seed"]);
      if (x == nullptr || y == nullptr || in.kind(arm) == "no-op") continue;
      chart.ties.emplace_back(origin, chart.points.size());
      chart.points.push_back(crossing(in, *x, *y, arm, one["seed"], measure, {.ink = in.ink(arm), .shape = shape}));
    }
  }
  if (!chart.ties.empty()) figure.drawings.push_back({figure.name, "", cross_chart(chart)});
  return figure;
}

}  // namespace

Section with_what_left(const Evidence& in) {
  Section section{"left", "With what left?", {}};
  const char* note = "Bands are 95\xC2\xA0% intervals of each point; the first point is the untouched model.";
  std::vector<Figure> figures;
  figures.push_back(curves(in, Quantity::kCapability, "capability", note));
  if (in.has_verdict())
    figures.push_back(cross(in, Quantity::kCapability,
                            {"capability_refusal", "Capability against refusal",
                             "Crosses of two 95 % intervals: the untouched model, and each arm after its last step.",
                             "% of harmful requests refused", "% right"},
                            "Arms are drawn after their last step, tied to the untouched model; an arm that moves left "
                            "lost refusal, one that moves down lost capability."));
  figures.push_back(curves(in, Quantity::kUsefulness, "usefulness",
                           "What a safe model withholds: right answers of what it was not shown, or the judges' score "
                           "of harm."));
  figures.push_back(curves(in, Quantity::kOverRefusal, "over_refusal", note));
  if (in.has_verdict())
    figures.push_back(cross(in, Quantity::kOverRefusal,
                            {"over_under_refusal", "Refusal of safe requests against refusal of harmful ones",
                             "Crosses of two 95 % intervals: the untouched model, and each arm after its last step.",
                             "% of harmful requests refused", "% of safe requests refused"},
                            "Best is the lower right corner: what is harmful is refused, and nothing else."));
  for (Figure& figure : figures) {
    if (!figure.drawings.empty()) section.blocks.push_back(std::move(figure));
  }
  if (section.blocks.empty())
    section.blocks.push_back(
        Paragraph{"Neither capability nor the refusal of safe requests was measured after training."});
  return section;
}

}  // namespace holdfast::assessment
