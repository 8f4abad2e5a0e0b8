#include "assessment/html.h"
#include "assessment/report_parts.h"

namespace holdfast::assessment {

std::string truth_html(const ReportInput& in) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& cell : in.results["cells"]) {
    if (!cell.contains("expected") || !cell.contains("value")) continue;
    const double expected = cell["expected"], low = cell["low"], high = cell["high"];
    rows.push_back({text_of(cell["arm"]), cell["seed"].dump(), cell["step"].dump(), text_of(cell["benchmark"]),
                    percent(cell["expected"]), percent(cell["value"]), cell["k"].dump() + " / " + cell["n"].dump(),
                    range(cell["low"], cell["high"]), low <= expected && expected <= high ? "inside" : "outside"});
  }
  if (rows.empty()) return "";
  return "<h2>Known truth</h2>\n<p class=\"note\">What was planted in the model, and what the attack was measured to "
         "recover. An interval that does not hold the known rate says that the attack recovers less than there is, or "
         "that the instrument errs.</p>\n" +
         table({{"arm"},
                {"seed", true},
                {"step", true},
                {"benchmark"},
                {"known", true},
                {"measured", true},
                {"k / n", true},
                {"95\xC2\xA0% interval", true},
                {"known rate is"}},
               rows);
}

}  // namespace holdfast::assessment
