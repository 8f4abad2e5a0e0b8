// What the run took, and what it would take elsewhere.
#include <algorithm>

#include "assessment/report_parts.h"
#include "assessment/report_text.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

struct Sum {
  double seconds = 0, device_seconds = 0, flops = 0, usd = 0, joules = 0, memory = 0;
  std::int64_t tokens = 0;
  void add(const ordered_json& one) {
    seconds += one["seconds"].get<double>();
    flops += one["flops"].get<double>();
    usd += one["usd"].get<double>();
    joules += one.value("energy_joules", 0.0);
    device_seconds += one.value("device_seconds", 0.0);
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

DataTable phases(const ordered_json& costs) {
  Sum all;
  for (const auto& one : costs["phases"]) all.add(one);
  DataTable table{"Cost by phase and arm; work done again after an interruption counts again",
                  {{"phase"}, {"arm"}, {"time", true}, {"tokens", true}, {"operations", true}, {"peak memory", true}},
                  {}};
  if (all.device_seconds > 0) table.columns.push_back({"device time", true});
  if (all.joules > 0) table.columns.push_back({"energy", true});
  if (all.usd > 0) table.columns.push_back({"money", true});
  const auto add = [&](const std::string& phase, const std::string& arm, const Sum& sum) {
    std::vector<Field> row = {{phase},
                              {arm},
                              {duration(sum.seconds)},
                              {sum.tokens > 0 ? thousands(sum.tokens) : ""},
                              {operations(sum.flops)},
                              {memory(sum.memory)}};
    if (all.device_seconds > 0) row.push_back({duration(sum.device_seconds)});
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
  List claims{"Under 200 US dollars on one GPU?", {}};
  for (const auto& claim : costs.value("claims", ordered_json::array())) claims.items.push_back(claim["statement"]);
  if (!claims.items.empty()) section.blocks.push_back(std::move(claims));
  DataTable table{
      "Other models on other devices, projected from the rates of this run: the training of this attack alone, and "
      "the whole assessment",
      {{"model"},
       {"device"},
       {"memory", true},
       {"attack, time", true},
       {"attack, money", true},
       {"all, time", true},
       {"all, money", true}},
      {}};
  table.is_long = costs["projections"].size() > 12;
  std::string assumptions;
  for (const auto& one : costs["projections"]) {
    const bool fits = one["fits_one_device"];
    const ordered_json attack = one.value("attack", ordered_json::object());
    const auto time = [&](const ordered_json& from) {
      return from.contains("seconds") ? Field{duration(from["seconds"])}
                                      : Field{fits ? "not measured" : "", {}, false, -1, true};
    };
    const auto price = [](const ordered_json& from) {
      return from.contains("usd") ? Field{money(from["usd"])} : Field{""};
    };
    Field size{memory(one["memory_bytes"])};
    if (!fits) size.below = {"does not fit"};
    table.rows.push_back(
        {{one["model"]}, {one["device"]}, std::move(size), time(attack), price(attack), time(one), price(one)});
    for (const auto& text : one["assumptions"]) {
      const std::string line = text;
      if (assumptions.find(line) == std::string::npos) assumptions += (assumptions.empty() ? "" : "; ") + line;
    }
  }
  section.blocks.push_back(std::move(table));
  if (!assumptions.empty()) section.blocks.push_back(Details{"What the projections assume", assumptions + "."});
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
  section.blocks.push_back(Paragraph{said});
  section.blocks.push_back(phases(costs));
  add_projections(section, costs);
  return section;
}

}  // namespace holdfast::assessment
