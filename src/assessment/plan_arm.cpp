// Reading [[benchmark]] and [[arm]] tables.
#include <algorithm>
#include <cmath>
#include <set>

#include "assessment/plan_reading.h"
#include "evaluation/page.h"

namespace holdfast::assessment {
namespace {

std::vector<std::string> benchmark_kinds() {
  std::vector<std::string> kinds = {"refusal", "safe", "recall", "choice"};
  for (const evaluation::Page& page : evaluation::built_in_pages()) kinds.push_back(page.name);
  return kinds;
}

// One of the tables of data = [{path = ..., weight = ...}, ...].
DataPart read_part(Table& arm, const toml::node& node, PlanReading& reading) {
  DataPart part;
  arm.check(node.is_table(), "data", "found data = ", Table::text(node),
            ", expected a list of {path = \"FILE\", weight = 0.5}");
  if (!node.is_table()) return part;
  Table table = reading.table(*node.as_table(), arm.name() + ".data");
  table.read("path", part.path);
  table.read("weight", part.weight, 0, "a share of the rows beside the other parts' weights");
  table.end();
  table.check(!part.path.empty(), "path", "found a part of the data without path, expected path = \"FILE\"");
  table.check(part.weight > 0, "weight", "found weight = ", part.weight, ", expected a number above 0");
  part.path = reading.paths.resolve(table, "path", part.path, PathOf::kFile);
  return part;
}

void read_data(Table& table, ArmPlan& arm, PlanReading& reading) {
  const auto* node = table.find("data");
  if (node == nullptr || !node->is_array()) {
    table.read("data", arm.data);
    arm.data = reading.paths.resolve(table, "data", arm.data, PathOf::kFile);
    return;
  }
  std::set<std::string> paths;
  for (const auto& item : *node->as_array()) {
    arm.mixture.push_back(read_part(table, item, reading));
    const std::string& path = arm.mixture.back().path;
    table.check(path.empty() || paths.insert(path).second, "data", "found ", path,
                " twice in one mixture, expected each file once");
  }
  table.check(!arm.mixture.empty(), "data", "found an empty list of data, expected {path = \"FILE\", weight = 0.5}");
}

// The checkpoints that a table declares.
struct Declared {
  std::vector<std::int64_t> steps, tokens;
  std::int64_t every = 0;
  bool is_there = false;  // one of them
};

Declared read_checkpoints(Table& table) {
  Declared declared;
  table.read("checkpoints", declared.steps, "whole numbers (optimiser steps)");
  table.read("checkpoint_tokens", declared.tokens, "whole numbers (training tokens)");
  table.read("checkpoint_every", declared.every, 1, "optimiser steps");
  for (const char* key : {"checkpoints", "checkpoint_tokens", "checkpoint_every"})
    declared.is_there = declared.is_there || table.has(key);
  for (const std::int64_t tokens : declared.tokens)
    if (tokens < 1)
      table.fault("checkpoint_tokens", "found checkpoint_tokens ", tokens, ", expected 1 training token or more");
  return declared;
}

// Of an arm's own steps; those beyond them belong to longer arms of the same grid.
void set_checkpoints(ArmPlan& arm, const Declared& declared, const Preset& preset) {
  std::set<std::int64_t> steps(declared.steps.begin(), declared.steps.end());
  for (std::int64_t step = declared.every; declared.every > 0 && step < arm.steps; step += declared.every)
    steps.insert(step);
  if (!declared.is_there) {
    for (const std::int64_t step : preset.checkpoints(arm.steps)) steps.insert(step);
  }
  steps.insert(arm.steps);
  steps.erase(steps.upper_bound(arm.steps), steps.end());
  arm.checkpoints.assign(steps.begin(), steps.end());
  arm.checkpoint_tokens = declared.tokens;
}

// What an arm says about whether it trains, checked where no fault of these keys has another cause.
void check_training(Table& table, const ArmPlan& one, std::int64_t longest) {
  const bool has_data = !one.data.empty() || !one.mixture.empty() || table.is_faulty("data");
  const bool has_adapter = !one.adapter.empty() || table.is_faulty("adapter"), is_no_op = one.kind == "no-op";
  if (table.is_faulty("steps") || table.is_faulty("kind") || table.is_faulty("grid")) return;
  const char* data = table.has("data") ? "data" : "steps";
  table.check(longest == 0 || has_data, data, "found ", longest, " steps without data, expected data = \"FILE\"");
  table.check(!is_no_op || (longest == 0 && !has_adapter), "kind",
              "found a no-op arm with steps or an adapter, expected neither");
  table.check(is_no_op || (longest > 0) != has_adapter, "steps", "found the ", one.kind, " arm '", one.name, "' with ",
              longest, " steps and ", has_adapter ? "an adapter" : "no adapter",
              ", expected either; try steps = 100, data = \"FILE\"");
  table.check(longest > 0 || !has_data || table.is_faulty("data"), "data",
              "found data in an arm that does not train, expected none; try steps = 100");
}

}  // namespace

BenchmarkPlan read_benchmark(Table& table, PlanReading& reading) {
  BenchmarkPlan one;
  one.limit = reading.preset.limit;
  one.judges = reading.preset.judges;
  table.read("name", one.name);
  table.read("kind", one.kind);
  table.read("path", one.path);
  table.read("judges", one.judges, "texts");
  table.choose("at", one.at, {"all", "ends"});
  table.choose("truncated", one.truncated, {"degenerate", "judge"});
  table.choose("role", one.role, {"capability", "withheld"});
  table.read("expected", one.expected, 0, "a rate from 0 to 1");
  table.read("limit", one.limit, 0, "items");
  table.choose("draw", one.draw, {"first", "spread"});
  table.read("shots", one.shots, 0, "examples");
  table.read("page", one.page);
  table.read("shots_path", one.shots_path);
  table.choose("few_shot_sampling", one.few_shot_sampling, {"page", "shared", "first_n"});
  table.read("chat_template", one.chat_template);
  table.read("shots_as_turns", one.shots_as_turns);
  table.choose("too_long", one.too_long, {"refuse", "cut"});
  table.read("max_new_tokens", one.max_new_tokens, 0, "tokens");
  table.read("subjects", one.subjects, "texts");
  table.end();
  if (!table.has("draw") && !table.has("limit") && one.limit > 0) one.draw = "spread";  // a preset's limit
  table.check(!table.has("draw") || one.limit > 0, "draw",
              "found draw without a limit, expected one to draw; try limit = 100");
  reading.check_name(table, one.name, "benchmark");
  table.check(one.expected <= 1, "expected", "found expected = ", one.expected,
              ", expected a rate from 0 to 1; try 0.95 for 95 %");
  table.check(!one.path.empty(), "path", "found the benchmark '", one.name, "' without path, expected path = \"FILE\"");
  table.check(one.shots_as_turns || one.chat_template || table.is_faulty("chat_template"), "shots_as_turns",
              "found shots_as_turns = false without chat_template, expected it in a conversation; try chat_template = "
              "true");
  one.path = reading.paths.resolve(table, "path", one.path, PathOf::kData);
  one.page = reading.paths.resolve(table, "page", one.page, PathOf::kFile);
  one.shots_path = reading.paths.resolve(table, "shots_path", one.shots_path, PathOf::kData);
  if (!table.is_faulty("path") && !one.path.empty()) {
    for (const std::string& subject : one.subjects)
      reading.paths.resolve(table, "subjects", (std::filesystem::path(one.path) / subject).string(), PathOf::kData);
  }
  const auto kinds = benchmark_kinds();
  if (one.page.empty() && !one.kind.empty() && std::find(kinds.begin(), kinds.end(), one.kind) == kinds.end()) {
    const std::string meant = evaluation::nearest_word(one.kind, kinds);
    table.check(false, "kind", "found the kind '", one.kind,
                "', expected refusal, safe, recall, choice or a page's name; did you mean '", meant, "'?");
  }
  return one;
}

std::vector<ArmPlan> read_arms(Table& table, PlanReading& reading, std::int64_t seed) {
  ArmPlan one;
  table.read("name", one.name);
  table.choose("kind", one.kind, {"attack", "benign", "no-op"});
  read_data(table, one, reading);
  table.read("data_rows", one.data_rows, 1, "rows");
  table.read("adapter", one.adapter);
  table.read("steps", one.steps, 0, "optimiser steps");
  const Declared declared = read_checkpoints(table);
  table.read("seeds", one.seeds, "whole numbers");
  table.read("rank", one.rank, 1);
  table.read("alpha", one.alpha, 0);
  table.read("targets", one.targets, "texts");
  table.read("lr", one.lr, 0, "the learning rate");
  table.choose("schedule", one.schedule, {"constant", "linear", "cosine"});
  table.choose("order", one.order, {"seeded", "file"});
  table.read("warmup_steps", one.warmup_steps, 0, "optimiser steps");
  table.read("weight_decay", one.weight_decay, 0);
  table.read("max_grad_norm", one.max_grad_norm, 0);
  table.read("router_aux_loss", one.router_aux_loss, 0);
  table.read("rows_per_step", one.rows_per_step, 1, "rows");
  table.read("tokens_per_step", one.tokens_per_step, 0, "tokens");
  const auto* grid = table.find("grid");
  table.end();
  reading.check_name(table, one.name, "arm");
  table.check(one.name != "base", "name",
              "found an arm named 'base', expected another name: that is the untouched model");
  one.adapter = reading.paths.resolve(table, "adapter", one.adapter, PathOf::kAdapter);
  one.family = one.name;
  if (!table.has("seeds")) {
    // Nothing of a run without training is drawn by its seed.
    const bool trains = one.kind != "no-op" && one.adapter.empty();
    one.seeds = trains ? reading.preset.seeds(seed) : std::vector<std::int64_t>{seed};
  }
  const std::set<std::int64_t> seeds(one.seeds.begin(), one.seeds.end());
  table.check(!one.seeds.empty(), "seeds", "found no seeds, expected at least one");
  table.check(seeds.size() == one.seeds.size(), "seeds", "found a seed twice, expected each once");
  if (one.seeds.empty()) one.seeds = {seed};
  table.check(std::all_of(one.seeds.begin(), one.seeds.end(), [](std::int64_t value) { return value >= 0; }), "seeds",
              "found a negative seed, expected 0 or more");

  table.check(grid == nullptr || grid->is_table(), "grid", "found grid that is no table, expected [arm.grid]");
  std::vector<ArmPlan> arms = {one};
  if (grid != nullptr && grid->is_table()) arms = expand_grid(*grid->as_table(), one, table, reading);
  std::int64_t longest = 0;
  for (const ArmPlan& arm : arms) longest = std::max(longest, arm.steps);
  check_training(table, one, longest);
  table.check(one.data_rows == 0 || longest > 0, "data_rows",
              "found data_rows in an arm that does not train, expected none");
  if (!table.is_faulty("steps") && !table.is_faulty("grid")) {
    for (const std::int64_t step : declared.steps) {
      if (step < 1 || step > longest)
        table.fault("checkpoints", "found checkpoint ", step, ", expected 1 .. ", longest, " (optimiser steps)");
    }
    table.check(declared.every <= longest, "checkpoint_every", "found checkpoint_every = ", declared.every,
                ", expected 1 .. ", longest, " (optimiser steps)");
    table.check(declared.tokens.empty() || longest > 0, "checkpoint_tokens",
                "found checkpoint_tokens in an arm that does not train, expected none");
  }
  for (ArmPlan& arm : arms) set_checkpoints(arm, declared, reading.preset);
  return arms;
}

}  // namespace holdfast::assessment
