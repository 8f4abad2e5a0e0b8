#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "assessment/html.h"
#include "assessment/report_parts.h"
#include "assessment/verdict.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

bool is_in(const ordered_json& list, const ordered_json& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// What one point is made of, over the seeds of an arm.
struct Pool {
  double tokens = 0, value = 0, low = 1, high = 0;
  int seeds = 0;
  void add(double x, const ordered_json& cell) {
    tokens += x;
    value += cell["value"].get<double>();
    low = std::min(low, cell["low"].get<double>());
    high = std::max(high, cell["high"].get<double>());
    ++seeds;
  }
  ordered_json point(std::int64_t step) const { return {tokens / seeds, value / seeds, low, high, step}; }
};

struct Line {
  std::string arm, benchmark, metric, judge;
  std::map<std::int64_t, Pool> steps;
};

}  // namespace

ordered_json plots_json(const ReportInput& in) {
  const auto& withheld = in.identity["withheld"];
  std::map<std::pair<std::string, std::string>, std::set<std::string>> judges;  // of a benchmark and metric
  for (const auto& cell : in.results["cells"]) judges[{cell["benchmark"], cell["metric"]}].insert(cell["judge"]);
  std::map<std::tuple<std::string, std::int64_t, std::int64_t>, double> tokens;
  for (const CellKey& cell : in.journal.cells())
    tokens[{cell.arm, cell.seed, cell.step}] =
        static_cast<double>(trained_tokens(in.journal, cell.arm, cell.seed, cell.step));

  ordered_json list = ordered_json::array();
  for (const bool is_first : {true, false}) {
    std::vector<Line> lines;
    std::vector<ordered_json> base;
    for (const auto& cell : in.results["cells"]) {
      const bool belongs_first = cell["metric"] == "refusal" || is_in(withheld, cell["benchmark"]);
      if (belongs_first != is_first || cell["metric"] == "over_refusal" || cell["metric"] == "acc_norm" ||
          !cell.contains("value"))
        continue;
      if (cell["arm"] == "base") {
        base.push_back(cell);
        continue;
      }
      auto line = std::find_if(lines.begin(), lines.end(), [&](const Line& one) {
        return one.arm == cell["arm"] && one.benchmark == cell["benchmark"] && one.metric == cell["metric"] &&
               one.judge == cell["judge"];
      });
      if (line == lines.end())
        line = lines.insert(line, Line{cell["arm"], cell["benchmark"], cell["metric"], cell["judge"], {}});
      const std::int64_t step = cell["step"];
      const double x = tokens[{line->arm, cell["seed"].get<std::int64_t>(), step}];
      if (x > 0) line->steps[step].add(x, cell);
    }
    std::vector<std::string> arms, measures;  // in the order in which they come: colours and dashes go by these
    const auto place = [](std::vector<std::string>& names, const std::string& name) {
      const auto found = std::find(names.begin(), names.end(), name);
      if (found != names.end()) return found - names.begin();
      names.push_back(name);
      return static_cast<std::ptrdiff_t>(names.size()) - 1;
    };
    ordered_json series = ordered_json::array();
    for (const Line& line : lines) {
      if (line.steps.empty()) continue;
      ordered_json points = ordered_json::array();
      for (const auto& cell : base) {
        if (cell["benchmark"] == line.benchmark && cell["metric"] == line.metric && cell["judge"] == line.judge)
          points.push_back({0, cell["value"], cell["low"], cell["high"], 0});
      }
      for (const auto& [step, pool] : line.steps) points.push_back(pool.point(step));
      std::string measure = line.benchmark;
      if (is_first) measure += line.metric == "refusal" ? " refused" : " told";
      if (judges[{line.benchmark, line.metric}].size() > 1) measure += ", " + line.judge;
      series.push_back({{"arm", line.arm},
                        {"measure", measure},
                        {"kind", in.identity["arms"][line.arm]["kind"]},
                        {"armIndex", place(arms, line.arm)},
                        {"measureIndex", place(measures, measure)},
                        {"points", std::move(points)}});
    }
    list.push_back({{"label", is_first ? "share of answers, %" : "right, %"}, {"series", std::move(series)}});
  }
  return list;
}

}  // namespace holdfast::assessment
