// What the run took, and what it would take elsewhere.
#include <algorithm>

#include "assessment/report_parts.h"
#include "assessment/report_text.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

struct Sum {
  double seconds = 0, flops = 0, usd = 0, joules = 0, memory = 0;
  std::int64_t tokens = 0;
  void add(const ordered_json& one) {
    seconds += one["seconds"].get<double>();
    flops += one["flops"].get<double>();
    usd += one["usd"].get<double>();
    joules += one.value("energy_joules", 0.0);
    memory = std::max(memory, one["peak_memory_bytes"].get<double>());
    tokens += one["tokens"].get<std::int64_t>();
  }
};

std::string energy(double joules) {
  return joules < 36000 ? format("%.0f\xC2\xA0J", joules) : format("%.3f\xC2\xA0kWh", joules / 3.6e6);
}

std::string operations(double flops) {
  if (flops <= 0) return "";
  const std::pair<double, const char*> units[] = {{1e18, "EFLOP"}, {1e15, "PFLOP"}, {1e12, "TFLOP"}, {0, "GFLOP"}};
  for (const auto& [from, name] : units) {
    if (flops >= from) return format("%.3g\xC2\xA0", flops / (from > 0 ? from : 1e9)) + name;
  }
  return "";
}

std::string memory(double bytes) {
  return bytes < 1e10 ? format("%.0f\xC2\xA0MB", bytes / 1e6) : format("%.1f\xC2\xA0GB", bytes / 1e9);
}

Table phases(const ordered_json& costs) {
  Sum all;
  for (const auto& one : costs["phases"]) all.add(one);
  Table table{"Cost by phase and arm; work done again after an interruption counts again",
              {{"phase"}, {"arm"}, {"time", true}, {"tokens", true}, {"operations", true}, {"peak memory", true}},
              {}};
  if (all.joules > 0) table.columns.push_back({"energy", true});
  if (all.usd > 0) table.columns.push_back({"money", true});
  const auto add = [&](const std::string& phase, const std::string& arm, const Sum& sum) {
    std::vector<Field> row = {{phase},
                              {arm},
                              {duration(sum.seconds)},
                              {sum.tokens > 0 ? thousands(sum.tokens) : ""},
                              {operations(sum.flops)},
                              {memory(sum.memory)}};
    if (all.joules > 0) row.push_back({sum.joules > 0 ? energy(sum.joules) : ""});
    if (all.usd > 0) row.push_back({money(sum.usd)});
    table.rows.push_back(std::move(row));
  };
  for (const auto& one : costs["phases"]) {
    Sum sum;
    sum.add(one);
    add(text_of(one["phase"]), text_of(one["arm"]), sum);
  }
  add("all", "", all);
  return table;
}

void add_projections(Section& section, const ordered_json& costs) {
  if (!costs.contains("projections") || costs["projections"].empty()) return;
  Table table{"The same assessment of other models on other devices, projected from the rates of this run",
              {{"model"}, {"device"}, {"memory", true}, {"training", true}, {"all", true}, {"money", true}},
              {}};
  std::vector<std::string> assumptions;
  for (const auto& one : costs["projections"]) {
    const bool fits = one.value("fits", true);
    const auto seconds = [&](const char* key) {
      return one.contains(key) ? Field{duration(one[key])} : Field{fits ? "not measured" : "", {}, false, -1, true};
    };
    const double bytes = one.value("memory_bytes", 0.0);
    table.rows.push_back(
        {{one["model"]},
         {one["device"]},
         {bytes > 0 ? memory(bytes) : "", fits ? std::vector<std::string>{} : std::vector<std::string>{"does not fit"}},
         seconds("train"),
         seconds("seconds"),
         one.contains("usd") ? Field{money(one["usd"])} : Field{""}});
    for (const auto& text : one.value("assumptions", ordered_json::array())) {
      const std::string line = text;
      if (std::find(assumptions.begin(), assumptions.end(), line) == assumptions.end()) assumptions.push_back(line);
    }
  }
  section.blocks.push_back(std::move(table));
  if (!assumptions.empty()) section.blocks.push_back(List{"What the projection assumes", std::move(assumptions)});
}

}  // namespace

Section at_what_cost(const Evidence& in) {
  Section section{"cost", "At what cost?", {}};
  const ordered_json& costs = in.costs;
  if (costs["phases"].empty()) {
    section.blocks.push_back(Paragraph{"No cost was recorded."});
    return section;
  }
  std::string said;
  const double price = in.identity.value("usd_per_hour", 0.0);
  if (price > 0)
    said = "Money is wall time at the plan's price of " + money(price) + " an hour.";
  else
    said = "The plan states no price of an hour: what follows is time, not money.";
  if (costs["resumed"] != 0) said += " The run was interrupted and went on " + count(costs["resumed"], "time") + ".";
  if (costs.contains("statement")) said += " " + text_of(costs["statement"]);
  section.blocks.push_back(Paragraph{said});
  section.blocks.push_back(phases(costs));
  add_projections(section, costs);
  return section;
}

}  // namespace holdfast::assessment
