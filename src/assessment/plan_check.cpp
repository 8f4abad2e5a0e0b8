// What is wrong between the parts of a plan.
#include <algorithm>
#include <optional>
#include <set>

#include "assessment/plan_reading.h"
#include "evaluation/benchmark.h"
#include "evaluation/judge.h"
#include "evaluation/judges/judge_template.h"
#include "evaluation/judges/word_list.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;

std::string list_of(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
  return list;
}

// The table of a list whose name this is: errors of the second look stand at its lines.
const toml::table* table_named(const toml::table& root, const char* key, const std::string& name) {
  const auto* list = root.get_as<toml::array>(key);
  if (list == nullptr) return nullptr;
  for (const auto& item : *list) {
    const auto* table = item.as_table();
    if (table != nullptr && table->get("name") != nullptr && table->get("name")->value<std::string>() == name)
      return table;
  }
  return nullptr;
}

void check_judges(const Plan& plan, const toml::table& root, PlanReading& reading) {
  std::vector<std::string> known = evaluation::judge_names();
  for (const JudgePlan& judge : plan.judges) known.push_back(judge.name);
  for (const BenchmarkPlan& one : plan.benchmarks) {
    const auto* node = table_named(root, "benchmark", one.name);
    if (node == nullptr) continue;
    Table table = reading.table(*node, "[[benchmark]]");
    std::set<std::string> names;
    for (const std::string& judge : one.judges) {
      if (std::find(known.begin(), known.end(), judge) == known.end())
        table.fault("judges", "found the judge '", judge, "', expected ", list_of(known),
                    " or a [[judge]]; did you mean '", evaluation::nearest_word(judge, known), "'?");
      if (!names.insert(judge).second) table.fault("judges", "found the judge '", judge, "' twice, expected each once");
    }
  }
  const auto shipped = evaluation::judge_names();
  for (const JudgePlan& judge : plan.judges) {
    const auto* node = table_named(root, "judge", judge.name);
    if (node == nullptr) continue;
    Table table = reading.table(*node, "[[judge]]");
    table.check(std::find(shipped.begin(), shipped.end(), judge.name) == shipped.end(), "name",
                "found a judge of the name '", judge.name, "', which is a shipped list's, expected another");
    if (judge.judge_template.empty()) continue;
    try {
      evaluation::JudgeTemplate::find(judge.judge_template);
    } catch (const Error& error) {
      table.check(false, "template", "found a template that cannot be used: ", error.what());
    }
  }
}

bool is_same(const std::string& a, const std::string& b) {
  if (a.empty() || b.empty()) return a == b;
  std::error_code error;
  return a == b || fs::equivalent(a, b, error);
}

// The second model's cells are called "safeguarded" and "safeguarded: ARM".
void check_arm_names(const Plan& plan, const toml::table& root, PlanReading& reading) {
  for (const ArmPlan& arm : plan.arms) {
    const auto* node = table_named(root, "arm", arm.family);
    if (node == nullptr || (arm.name != "safeguarded" && !arm.name.starts_with("safeguarded:"))) continue;
    reading.table(*node, "[[arm]]")
        .fault("name", "found an arm named '", arm.name,
               "' beside a [safeguarded] model, whose cells are called so, expected another name");
  }
}

void check_safeguarded(const Plan& plan, const toml::table& root, PlanReading& reading) {
  const auto* node = root.get_as<toml::table>("safeguarded");
  if (node == nullptr) return;
  check_arm_names(plan, root, reading);
  if (plan.safeguarded.path.empty() || plan.model.path.empty()) return;
  Table table = reading.table(*node, "[safeguarded]");
  const bool is_other =
      !is_same(plan.safeguarded.path, plan.model.path) || !is_same(plan.safeguarded.adapter, plan.model.adapter);
  table.check(
      is_other, table.has("adapter") ? "adapter" : "path",
      "found the model itself, expected another path or adapter; try the checkpoint whose safeguard is claimed");
}

// The kinds of what a benchmark's file holds, found as a run finds them; nothing where it cannot be read, which the
// run's own reading says with file and line.
std::optional<std::set<evaluation::Kind>> kinds_of(const BenchmarkPlan& one) {
  evaluation::BenchmarkSpec spec;
  spec.name = one.name;
  spec.kind = one.kind;
  spec.path = one.path;
  spec.limit = 1;
  spec.shots = static_cast<int>(one.shots);
  spec.subjects = one.subjects;
  spec.page = one.page;
  spec.shots_path = one.shots_path;
  try {
    std::set<evaluation::Kind> kinds;
    for (const auto& benchmark : evaluation::load_benchmark(spec)) kinds.insert(benchmark.kind);
    return kinds;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void check_confirmation(const Plan& plan, const toml::table& root, PlanReading& reading, bool has_files) {
  const auto* node = root.get_as<toml::table>("confirmation");
  if (node == nullptr) return;
  const auto& confirmation = plan.confirmation;
  Table table = reading.table(*node, "[confirmation]");
  std::vector<std::string> names;
  const BenchmarkPlan* found = nullptr;
  for (const BenchmarkPlan& one : plan.benchmarks) {
    names.push_back(one.name);
    if (one.name == confirmation.benchmark || one.name + "_unsafe" == confirmation.benchmark) found = &one;
  }
  table.check(!confirmation.benchmark.empty(), "benchmark",
              "found no benchmark to confirm on, expected the name of one; try benchmark = \"",
              names.empty() ? "NAME" : names[0], "\"");
  table.check(found != nullptr, "benchmark", "found the benchmark '", confirmation.benchmark, "', expected one of ",
              list_of(names), "; did you mean '", evaluation::nearest_word(confirmation.benchmark, names), "'?");
  if (found != nullptr && has_files) {
    const auto kinds = kinds_of(*found);
    table.check(!kinds || kinds->count(evaluation::Kind::kRefusal) > 0, "benchmark", "found the benchmark '",
                confirmation.benchmark, "', which holds no requests to refuse, expected one of refusals");
  }
  table.check(confirmation.share > 0 && confirmation.share < 1, "share", "found share = ", confirmation.share,
              ", expected a share of the benchmark's prompts between 0 and 1");
  table.check(!table.has("share") || confirmation.path.empty(), "share",
              "found a share beside a file of prompts held out, expected one of them");
  table.check(!confirmation.seeds.empty(), "seeds", "found no seeds, expected at least one fresh one");
  std::set<std::int64_t> seeds;
  for (const std::int64_t seed : confirmation.seeds) {
    if (!seeds.insert(seed).second) table.fault("seeds", "found the seed ", seed, " twice, expected each once");
    for (const ArmPlan& arm : plan.arms) {
      const bool is_used = std::find(arm.seeds.begin(), arm.seeds.end(), seed) != arm.seeds.end();
      if (!is_used) continue;
      table.fault("seeds", "found the seed ", seed, ", which the arm '", arm.name, "' uses, expected fresh ones");
      break;
    }
  }
  table.check(std::any_of(plan.arms.begin(), plan.arms.end(), [](const ArmPlan& arm) { return arm.kind != "no-op"; }),
              "benchmark", "found no arm that changes the model, expected one whose worst cell can be confirmed");
}

}  // namespace

void check_plan(const Plan& plan, const toml::table& root, PlanReading& reading) {
  if (plan.benchmarks.empty() && !root.contains("benchmark"))
    reading.problems.push_back({0, "[plan] " + reading.file + ":1: found no benchmark, expected at least one; try " +
                                       "[[benchmark]] name = ..., path = ..."});
  check_judges(plan, root, reading);
  check_safeguarded(plan, root, reading);
  check_confirmation(plan, root, reading, reading.paths.must_exist());
}

}  // namespace holdfast::assessment
