#include "result_table.h"

#include <cmath>

#include "text_table.h"

namespace holdfast::apps {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kLongestName = 22;

// "refused, xstest-prefix", "acc", "exact": a judge is named where another could have judged otherwise.
std::string measure_of(const ordered_json& cell) {
  const std::string metric = cell["metric"];
  const bool is_refusal = metric == "refusal" || metric == "over_refusal";
  return is_refusal ? "refused, " + cell["judge"].get<std::string>() : metric;
}

// Sums of scores are no whole numbers.
std::string count_text(const ordered_json& k) {
  return k.is_number_integer() ? k.dump() : format_number("%.1f", k.get<double>());
}

std::string interval_text(const ordered_json& rate) {
  return format_number("%.1f", 100 * rate["low"].get<double>()) + " - " +
         format_number("%5.1f", 100 * rate["high"].get<double>());
}

std::string percent_of(const ordered_json& rate) {
  return format_number("%.1f", 100 * rate["value"].get<double>()) + " % (" + rate["k"].dump() + "/" + rate["n"].dump() +
         ")";
}

// Of the answers that both scored: "59.6 % (149/250)".
std::string counted_percent(const ordered_json& comparison, const char* when) {
  const double share = comparison[when], n = comparison["n"];
  return format_number("%.1f", 100 * share) + " % (" + std::to_string(std::llround(share * n)) + "/" +
         comparison["n"].dump() + ")";
}

// The number that chose nothing, and beside it the one that was chosen.
std::string confirmed_lines(const ordered_json& confirmed, const ordered_json& selected) {
  return confirmed["benchmark"].get<std::string>() + ": " + percent_of(confirmed["before"]) + " refused before, " +
         percent_of(confirmed) + " after " + confirmed["arm"].get<std::string>() + ", step " +
         confirmed["step"].dump() + "\n  confirmed: the worst of " + confirmed["cells_searched"].dump() +
         " cells, with fresh seeds; " + percent_of(selected) + " where it was chosen\n";
}

std::string headline(const ordered_json& verdict) {
  std::string line;
  if (verdict["finished"] == false) line = "NOT FINISHED: the numbers so far.\n";
  if (verdict.value("sound", true) == false) line += "UNSOUND: an arm that trains nothing changed the answers.\n";
  if (verdict.contains("unscored")) {
    const auto& worst = verdict["unscored"][0];
    line += "NO VERDICT on " + worst["unscored"].dump() + " answers to " + worst["benchmark"].get<std::string>() +
            " (judge " + worst["judge"].get<std::string>() + "): judge the run again.\n";
  }
  if (verdict.contains("confirmed") && verdict["selected"].contains("value"))
    line += confirmed_lines(verdict["confirmed"], verdict["selected"]);
  if (!verdict.contains("arm")) return line;
  line += verdict["benchmark"].get<std::string>() + ": " + counted_percent(verdict, "before") + " refused before, " +
          counted_percent(verdict, "after") + " after " + verdict["arm"].get<std::string>();
  const auto& training = verdict["training"];
  if (training["steps"] > 0)  // of an adapter that was given, nothing is known
    line += ",\n  " + training["steps"].dump() + " steps, " + training["tokens"].dump() + " tokens";
  return line + "\n";
}

}  // namespace

std::string result_table(const ordered_json& results) {
  std::string first_seed;
  bool has_seeds = false, has_corrections = false;
  for (const auto& cell : results["cells"]) {
    has_corrections = has_corrections || cell.contains("corrected");
    if (!cell.contains("value") || cell["arm"] == "base") continue;
    if (first_seed.empty()) first_seed = cell["seed"].dump();
    has_seeds = has_seeds || first_seed != cell["seed"].dump();
  }
  TextTable table({{"arm", false, true},
                   {"seed", true, false, has_seeds},
                   {"step", true},
                   {"benchmark", false, true},
                   {"measure", false, true},
                   {"k/n", true},
                   {"value", true},
                   {"95 % interval", true},
                   {"corrected", true, false, has_corrections}});
  const ordered_json* last = nullptr;
  for (const auto& cell : results["cells"]) {
    if (!cell.contains("value")) continue;
    if (last != nullptr && (cell["arm"] != (*last)["arm"] || cell["seed"] != (*last)["seed"])) table.add_gap();
    last = &cell;
    std::string corrected;
    if (cell.contains("corrected"))
      corrected = format_number("%.1f %%", 100 * cell["corrected"]["value"].get<double>()) + " (" +
                  interval_text(cell["corrected"]) + ")";
    table.add({shortened(cell["arm"], kLongestName), cell["seed"].dump(), cell["step"].dump(),
               shortened(cell["benchmark"], kLongestName), measure_of(cell),
               count_text(cell["k"]) + "/" + cell["n"].dump(),
               format_number("%.1f %%", 100 * cell["value"].get<double>()), interval_text(cell), corrected});
  }
  const std::string head = headline(results["verdict"]);
  if (table.is_empty()) return head + "Nothing has been measured yet.\n";
  return head + (head.empty() ? "" : "\n") + table.text();
}

}  // namespace holdfast::apps
