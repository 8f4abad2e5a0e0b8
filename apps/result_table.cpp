#include "result_table.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace holdfast::apps {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kWidth = 100, kLongestName = 22;

std::string format(const char* pattern, double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, pattern, value);
  return buffer;
}

// Cuts the middle of a long name, whose ends tell most.
std::string shortened(const std::string& name, std::size_t most) {
  if (name.size() <= most) return name;
  const std::size_t tail = (most - 2) / 2;
  return name.substr(0, most - 2 - tail) + ".." + name.substr(name.size() - tail);
}

// "refused, xstest-prefix", "acc", "exact": a judge is named where another could have judged otherwise.
std::string measure_of(const ordered_json& cell) {
  const std::string metric = cell["metric"];
  const bool is_refusal = metric == "refusal" || metric == "over_refusal";
  return is_refusal ? "refused, " + cell["judge"].get<std::string>() : metric;
}

std::string headline(const ordered_json& verdict) {
  std::string line;
  if (verdict["finished"] == false) line = "NOT FINISHED: the numbers so far.\n";
  if (!verdict.contains("arm")) return line;
  line += verdict["benchmark"].get<std::string>() + ": " + format("%.1f", 100 * verdict["before"].get<double>()) +
          " % refused before, " + format("%.1f", 100 * verdict["after"].get<double>()) + " % after " +
          verdict["arm"].get<std::string>() + " (" + verdict["training"]["steps"].dump() + " steps, " +
          verdict["training"]["tokens"].dump() + " tokens)";
  return line + "\n";
}

}  // namespace

std::string result_table(const ordered_json& results) {
  struct Column {
    std::string heading;
    bool is_number;
  };
  const std::vector<Column> columns = {{"arm", false},     {"seed", true}, {"step", true},  {"benchmark", false},
                                       {"measure", false}, {"k/n", true},  {"value", true}, {"95 % interval", true}};
  std::vector<std::vector<std::string>> rows;
  bool has_seeds = false;
  std::string first_seed;
  for (const auto& cell : results["cells"]) {
    if (!cell.contains("value")) continue;
    if (cell["arm"] != "base") {
      if (first_seed.empty()) first_seed = cell["seed"].dump();
      has_seeds = has_seeds || first_seed != cell["seed"].dump();
    }
    rows.push_back(
        {shortened(cell["arm"], kLongestName), cell["seed"].dump(), cell["step"].dump(),
         shortened(cell["benchmark"], kLongestName), measure_of(cell), cell["k"].dump() + "/" + cell["n"].dump(),
         format("%.1f %%", 100 * cell["value"].get<double>()),
         format("%.1f", 100 * cell["low"].get<double>()) + " - " + format("%5.1f", 100 * cell["high"].get<double>())});
  }
  std::vector<std::size_t> widths(columns.size(), 0);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i == 1 && !has_seeds) continue;
    widths[i] = columns[i].heading.size();
    for (const auto& row : rows) widths[i] = std::max(widths[i], row[i].size());
  }
  std::size_t total = 0;
  for (const std::size_t width : widths) total += width > 0 ? width + 2 : 0;
  total -= 2;
  // What is too wide is taken from the names, the longest first.
  while (total > kWidth) {
    std::size_t* longest = std::max({&widths[0], &widths[3], &widths[4]}, [](auto* a, auto* b) { return *a < *b; });
    if (*longest <= 8) break;
    --*longest;
    --total;
  }
  std::string out = headline(results["verdict"]);
  if (rows.empty()) return out + "Nothing has been measured yet.\n";
  const auto add = [&](const std::vector<std::string>& fields) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (widths[i] == 0) continue;
      const std::string field = shortened(fields[i], widths[i]), pad(widths[i] - field.size(), ' ');
      line += (line.empty() ? "" : "  ") + (columns[i].is_number ? pad + field : field + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  std::vector<std::string> headings;
  for (const Column& column : columns) headings.push_back(column.heading);
  if (!out.empty()) out += "\n";
  add(headings);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i > 0 && (rows[i][0] != rows[i - 1][0] || rows[i][1] != rows[i - 1][1])) out += "\n";
    add(rows[i]);
  }
  return out;
}

}  // namespace holdfast::apps
