#include "assessment/plan.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "assessment/plan_table.h"
#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;

// Paths of a plan: {name} is a variable, relative ones are looked up beside the plan.
class Paths {
 public:
  Paths(std::map<std::string, std::string> variables, fs::path base)
      : variables_(std::move(variables)), base_(std::move(base)) {}

  std::string resolve(std::string path, const std::string& where) {
    for (std::size_t open; (open = path.find('{')) != std::string::npos;) {
      const std::size_t close = path.find('}', open);
      const std::string name = path.substr(open + 1, close == std::string::npos ? close : close - open - 1);
      const auto found = variables_.find(name);
      HOLDFAST_CHECK(kBadInput, close != std::string::npos && found != variables_.end(), where, ": found the path '",
                     path, "', expected {", name, "} to be set; try --set ", name, "=DIRECTORY");
      used_.insert(name);
      path = path.substr(0, open) + found->second + path.substr(close + 1);
    }
    if (path.empty()) return path;
    return fs::path(path).is_absolute() ? path : (base_ / path).lexically_normal().string();
  }
  bool is_used(const std::string& name) const { return used_.count(name) > 0; }

 private:
  std::map<std::string, std::string> variables_;
  fs::path base_;
  std::set<std::string> used_;
};

}  // namespace

Plan read_plan(const fs::path& path, const std::vector<std::string>& overrides) {
  return parse_plan(read_file(path), path.string(), fs::absolute(path).parent_path(), overrides);
}

Plan parse_plan(std::string_view plan_text, const std::string& file, const fs::path& base,
                const std::vector<std::string>& overrides) {
  toml::table root;
  try {
    root = toml::parse(plan_text, file);
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::kBadInput, "[plan] ", file, ":", error.source().begin.line, ": found text that is no TOML (",
         error.description(), "), expected key = value");
  }
  // Variables: top-level texts.  Those of the plan are relative to it, those of the command line to the working
  // directory.
  std::map<std::string, std::string> variables;
  const std::set<std::string> plain = {"name", "seed"};
  for (const std::string& one : overrides) {
    apply_override(root, one);
    const std::string key = one.substr(0, one.find('='));
    if (key.find('.') == std::string::npos && plain.count(key) == 0)
      variables[key] = (fs::current_path() / one.substr(one.find('=') + 1)).lexically_normal().string();
  }
  for (const auto& [key, node] : root) {
    const std::string word(key.str());
    const auto value = node.value_exact<std::string>();
    if (value && plain.count(word) == 0) variables.try_emplace(word, (base / *value).lexically_normal().string());
  }
  Paths paths(variables, base);

  Plan plan;
  Table top(root, file, "the plan");
  top.read("name", plan.name);
  top.read("seed", plan.seed, 0);

  const auto table_of = [&](const char* key) -> const toml::table& {
    static const toml::table kEmpty;
    const auto* node = top.find(key);
    if (node == nullptr) return kEmpty;
    HOLDFAST_CHECK(kBadInput, node->is_table(), location(file, *node), ": found ", key, " that is no table, expected [",
                   key, "]");
    return *node->as_table();
  };
  const std::string where = "[plan] " + file;
  Table model(table_of("model"), file, "[model]");
  model.read("path", plan.model.path);
  model.choose("precision", plan.model.precision, {"nf4", "bf16", "fp32"});
  model.read("template_date", plan.model.template_date);
  model.read("system_prompt", plan.model.system_prompt);
  model.read("plain_content", plan.model.plain_content);
  model.read("adapter", plan.model.adapter);
  model.end();
  HOLDFAST_CHECK(kBadInput, !plan.model.path.empty(), where,
                 ": found no model.path, expected a checkpoint directory; try [model] path = \"...\"");
  plan.model.path = paths.resolve(plan.model.path, where);
  plan.model.adapter = paths.resolve(plan.model.adapter, where);

  Table safeguarded(table_of("safeguarded"), file, "[safeguarded]");
  safeguarded.read("path", plan.safeguarded.path);
  safeguarded.read("adapter", plan.safeguarded.adapter);
  safeguarded.end();
  plan.safeguarded.path = paths.resolve(plan.safeguarded.path, where);
  plan.safeguarded.adapter = paths.resolve(plan.safeguarded.adapter, where);
  if (plan.safeguarded.path.empty() && !plan.safeguarded.adapter.empty()) plan.safeguarded.path = plan.model.path;

  Table confirmation(table_of("confirmation"), file, "[confirmation]");
  confirmation.read("benchmark", plan.confirmation.benchmark);
  confirmation.read("path", plan.confirmation.path);
  confirmation.read("share", plan.confirmation.share, 0);
  confirmation.read("seeds", plan.confirmation.seeds, "whole numbers");
  confirmation.end();
  plan.confirmation.path = paths.resolve(plan.confirmation.path, where);

  Table generation(table_of("generation"), file, "[generation]");
  generation.read("max_new_tokens", plan.generation.max_new_tokens, 1);
  generation.read("samples", plan.generation.samples, 1);
  generation.read("wave", plan.generation.wave, 1);
  generation.read("temperature", plan.generation.temperature, 0);
  generation.read("top_p", plan.generation.top_p, 1e-6);
  generation.end();

  Table price(table_of("price"), file, "[price]");
  price.read("usd_per_hour", plan.usd_per_hour, 0);
  std::vector<std::string> devices = {"RTX 4090", "A100 80GB", "H100"};
  price.read("devices", devices, "names of devices, or files with [[device]] tables");
  price.end();
  for (const std::string& one : devices)
    for (Device& device : find_devices(is_shipped_device(one) ? one : paths.resolve(one, where)))
      plan.devices.push_back(std::move(device));

  Table calibration(table_of("calibration"), file, "[calibration]");
  calibration.read("file", plan.calibration);
  calibration.end();
  plan.calibration = paths.resolve(plan.calibration, where);

  const auto each = [&](const char* key, const std::function<void(Table&, const std::string&)>& read) {
    const auto* node = top.find(key);
    if (node == nullptr) return;
    HOLDFAST_CHECK(kBadInput, node->is_array(), location(file, *node), ": found ", key,
                   " that is no list of tables, expected [[", key, "]]");
    for (const auto& item : *node->as_array()) {
      HOLDFAST_CHECK(kBadInput, item.is_table(), location(file, item), ": found ", key,
                     " that is no table, expected [[", key, "]]");
      Table table(*item.as_table(), file, "[[" + std::string(key) + "]]");
      read(table, location(file, item));
      table.end();
    }
  };
  std::set<std::string> names;
  const auto check_name = [&](const std::string& name, const char* what, const std::string& place) {
    HOLDFAST_CHECK(kBadInput, !name.empty() && name.find_first_of(",\"\n\r") == std::string::npos, place,
                   ": found the ", what, " name '", name, "', expected a text without commas, quotes and line ends");
    HOLDFAST_CHECK(kBadInput, names.insert(std::string(what) + " " + name).second, place, ": found the ", what, " '",
                   name, "' a second time, expected each once");
  };
  each("benchmark", [&](Table& table, const std::string& place) {
    BenchmarkPlan one;
    table.read("name", one.name);
    table.read("kind", one.kind);
    table.read("path", one.path);
    table.read("judges", one.judges, "texts");
    table.choose("at", one.at, {"all", "ends"});
    table.choose("truncated", one.truncated, {"degenerate", "judge"});
    table.choose("role", one.role, {"capability", "withheld"});
    table.read("limit", one.limit, 0);
    table.read("shots", one.shots, 0);
    table.read("page", one.page);
    table.read("shots_path", one.shots_path);
    table.choose("few_shot_sampling", one.few_shot_sampling, {"page", "shared", "first_n"});
    table.read("chat_template", one.chat_template);
    table.read("max_new_tokens", one.max_new_tokens, 0);
    table.read("subjects", one.subjects, "texts");
    check_name(one.name, "benchmark", place);
    one.path = paths.resolve(one.path, place);
    one.page = paths.resolve(one.page, place);
    one.shots_path = paths.resolve(one.shots_path, place);
    plan.benchmarks.push_back(std::move(one));
  });
  each("device", [&](Table& table, const std::string& place) { plan.devices.push_back(read_device(table, place)); });
  each("judge", [&](Table& table, const std::string& place) {
    JudgePlan one = read_judge(table, place);
    check_name(one.name, "judge", place);
    one.path = paths.resolve(one.path, place);
    if (const std::string file = paths.resolve(one.judge_template, place); fs::exists(file)) one.judge_template = file;
    plan.judges.push_back(std::move(one));
  });
  each("arm", [&](Table& table, const std::string& place) {
    ArmPlan one;
    one.seeds = {plan.seed};
    table.read("name", one.name);
    table.choose("kind", one.kind, {"attack", "benign", "no-op"});
    table.read("data", one.data);
    table.read("adapter", one.adapter);
    table.read("steps", one.steps, 0);
    table.read("checkpoints", one.checkpoints, "whole numbers");
    table.read("seeds", one.seeds, "whole numbers");
    table.read("rank", one.rank, 1);
    table.read("alpha", one.alpha, 0);
    table.read("targets", one.targets, "texts");
    table.read("lr", one.lr, 0);
    table.choose("schedule", one.schedule, {"constant", "linear", "cosine"});
    table.choose("order", one.order, {"seeded", "file"});
    table.read("warmup_steps", one.warmup_steps, 0);
    table.read("weight_decay", one.weight_decay, 0);
    table.read("max_grad_norm", one.max_grad_norm, 0);
    table.read("router_aux_loss", one.router_aux_loss, 0);
    table.read("rows_per_step", one.rows_per_step, 1);
    table.read("tokens_per_step", one.tokens_per_step, 0);
    check_name(one.name, "arm", place);
    HOLDFAST_CHECK(kBadInput, one.name != "base", place,
                   ": found an arm named 'base', expected another name: that is the untouched model");
    HOLDFAST_CHECK(kBadInput, one.steps == 0 || !one.data.empty(), place, ": found ", one.steps,
                   " steps without data, expected data = \"FILE\"");
    HOLDFAST_CHECK(kBadInput, one.kind != "no-op" || (one.steps == 0 && one.adapter.empty()), place,
                   ": found a no-op arm with steps or an adapter, expected neither");
    HOLDFAST_CHECK(kBadInput, one.kind == "no-op" || (one.steps > 0) != !one.adapter.empty(), place, ": found the ",
                   one.kind, " arm '", one.name, "' with ", one.steps, " steps and ",
                   one.adapter.empty() ? "no adapter" : "an adapter",
                   ", expected either; try steps = 100, data = \"FILE\"");
    HOLDFAST_CHECK(kBadInput, one.steps > 0 || one.data.empty(), place,
                   ": found data in an arm that does not train, expected none; try steps = 100");
    HOLDFAST_CHECK(kBadInput, !one.seeds.empty(), place, ": found no seeds, expected at least one");
    for (const std::int64_t step : one.checkpoints)
      HOLDFAST_CHECK(kBadInput, step >= 1 && step <= one.steps, place, ": found checkpoint ", step, ", expected 1 .. ",
                     one.steps);
    one.checkpoints.push_back(one.steps);
    std::sort(one.checkpoints.begin(), one.checkpoints.end());
    one.checkpoints.erase(std::unique(one.checkpoints.begin(), one.checkpoints.end()), one.checkpoints.end());
    one.data = paths.resolve(one.data, place);
    one.adapter = paths.resolve(one.adapter, place);
    one.family = one.name;
    plan.arms.push_back(std::move(one));
  });
  for (const auto& [name, value] : variables) {
    if (paths.is_used(name)) top.find(name.c_str());
  }
  top.end();
  HOLDFAST_CHECK(kBadInput, !plan.benchmarks.empty(), where,
                 ": found no benchmark, expected at least one; try [[benchmark]] name = ..., path = ...");
  return plan;
}

nlohmann::ordered_json canonical_plan(const Plan& plan) {
  const auto hash = [](const std::string& path) { return path.empty() ? std::string() : sha256_path(path); };
  nlohmann::ordered_json json = {{"name", plan.name},
                                 {"seed", plan.seed},
                                 {"model",
                                  {{"precision", plan.model.precision},
                                   {"template_date", plan.model.template_date},
                                   {"system_prompt", plan.model.system_prompt}}},
                                 {"generation",
                                  {{"max_new_tokens", plan.generation.max_new_tokens},
                                   {"samples", plan.generation.samples},
                                   {"wave", plan.generation.wave},
                                   {"temperature", plan.generation.temperature},
                                   {"top_p", plan.generation.top_p}}},
                                 {"price", {{"usd_per_hour", plan.usd_per_hour}}}};
  // Named only where it is not the default: the plans of runs without it stay what they are.
  if (!plan.model.plain_content) json["model"]["plain_content"] = false;
  if (!plan.calibration.empty()) json["calibration_sha256"] = hash(plan.calibration);
  if (!plan.model.adapter.empty()) json["model"]["adapter_sha256"] = hash(plan.model.adapter);
  if (!plan.safeguarded.path.empty()) json["safeguarded"] = {{"adapter_sha256", hash(plan.safeguarded.adapter)}};
  if (!plan.confirmation.benchmark.empty())
    json["confirmation"] = {{"benchmark", plan.confirmation.benchmark},
                            {"path_sha256", hash(plan.confirmation.path)},
                            {"share", plan.confirmation.share},
                            {"seeds", plan.confirmation.seeds}};
  for (const BenchmarkPlan& b : plan.benchmarks) {
    std::string data_hash;
    if (b.subjects.empty()) data_hash = hash(b.path);
    for (const std::string& subject : b.subjects)
      data_hash += hash((fs::path(b.path) / subject).string()).substr(0, 16);
    json["benchmark"][b.name] = {{"kind", b.kind},
                                 {"path_sha256", data_hash},
                                 {"judges", b.judges},
                                 {"at", b.at},
                                 {"limit", b.limit},
                                 {"shots", b.shots < 0 ? 5 : b.shots},
                                 {"max_new_tokens", b.max_new_tokens},
                                 {"subjects", b.subjects},
                                 {"truncated", b.truncated},
                                 {"role", b.role}};
    auto& entry = json["benchmark"][b.name];
    if (!b.page.empty()) entry["page_sha256"] = hash(b.page);
    if (!b.shots_path.empty()) entry["shots_sha256"] = hash(b.shots_path);
    if (b.few_shot_sampling != "page") entry["few_shot_sampling"] = b.few_shot_sampling;
    if (b.chat_template) entry["chat_template"] = true;
  }
  for (const ArmPlan& a : plan.arms) {
    json["arm"][a.name] = {{"kind", a.kind},
                           {"data_sha256", hash(a.data)},
                           {"adapter_sha256", hash(a.adapter)},
                           {"steps", a.steps},
                           {"checkpoints", a.checkpoints},
                           {"seeds", a.seeds},
                           {"rank", a.rank},
                           {"alpha", a.alpha},
                           {"targets", a.targets},
                           {"lr", a.lr},
                           {"schedule", a.schedule},
                           {"order", a.order},
                           {"warmup_steps", a.warmup_steps},
                           {"weight_decay", a.weight_decay},
                           {"max_grad_norm", a.max_grad_norm},
                           {"router_aux_loss", a.router_aux_loss},
                           {"rows_per_step", a.rows_per_step},
                           {"tokens_per_step", a.tokens_per_step}};
  }
  // Named only where there are some, and last: judges may join a finished run.
  for (const JudgePlan& one : plan.judges) json["judge"][one.name] = {{"kind", one.kind}};
  return json;
}

}  // namespace holdfast::assessment
