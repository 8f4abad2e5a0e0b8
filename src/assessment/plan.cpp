#include "assessment/plan.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "assessment/plan_reading.h"
#include "base/files.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;
using evaluation::Problem;
using evaluation::Problems;

const std::set<std::string> kTopTexts = {"name", "seed", "preset"};  // of the top level's, what is no variable

// Texts of the top level.  Those of the plan are relative to it, those of the command line to the working directory.
std::map<std::string, std::string> variables_of(const toml::table& root, const fs::path& base,
                                                const std::vector<std::string>& overrides) {
  std::map<std::string, std::string> variables;
  for (const std::string& one : overrides) {
    const std::string key = one.substr(0, one.find('='));
    if (key.find('.') == std::string::npos && kTopTexts.count(key) == 0)
      variables[key] = (fs::current_path() / one.substr(one.find('=') + 1)).lexically_normal().string();
  }
  for (const auto& [key, node] : root) {
    const std::string word(key.str());
    const auto value = node.value_exact<std::string>();
    if (value && kTopTexts.count(word) == 0) variables.try_emplace(word, (base / *value).lexically_normal().string());
  }
  return variables;
}

// Throws where there are problems: the only one as it is, or all of them in the order of their lines.
void raise(Problems problems, const std::string& file) {
  if (problems.empty()) return;
  if (problems.size() == 1) fail(ErrorKind::kBadInput, problems.front().message);
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  std::string lines;
  for (const Problem& one : problems) {
    constexpr std::string_view kOperation = "[plan] ";
    lines += "\n  " + one.message.substr(one.message.starts_with(kOperation) ? kOperation.size() : 0);
  }
  fail(ErrorKind::kBadInput, "[plan] ", file, ": found ", problems.size(),
       " errors, expected none; try mending each of them:", lines);
}

class Reader {
 public:
  Reader(const toml::table& root, PlanReading& reading)
      : root_(root), reading_(reading), top_(reading.table(root, "the plan")) {}

  Plan read(const std::map<std::string, std::string>& variables) {
    Plan plan;
    top_.read("name", plan.name);
    top_.read("seed", plan.seed, 0);
    top_.choose("preset", plan.preset, {"quick", "standard", "thorough"});
    reading_.preset = preset_of(plan.preset);
    read_model(plan);
    read_generation(plan);
    read_costs(plan);
    read_threshold(plan);
    table("calibration", [&](Table& calibration) {
      calibration.read("file", plan.calibration);
      plan.calibration = reading_.paths.resolve(calibration, "file", plan.calibration, PathOf::kFile);
    });
    each("benchmark", [&](Table& one) { plan.benchmarks.push_back(read_benchmark(one, reading_)); });
    each("judge", [&](Table& one) { plan.judges.push_back(read_judge_table(one)); });
    each("arm", [&](Table& one) {
      for (ArmPlan& arm : read_arms(one, reading_, plan.seed)) plan.arms.push_back(std::move(arm));
    });
    read_confirmation(plan);
    for (const auto& [name, value] : variables) {
      if (reading_.paths.is_used(name)) top_.find(name.c_str());
    }
    top_.end();
    check_plan(plan, root_, reading_);
    return plan;
  }

 private:
  // Reads the table of a name, where the plan has one.
  void table(const char* key, const std::function<void(Table&)>& read) {
    const auto* node = top_.find(key);
    if (node == nullptr) return;
    top_.check(node->is_table(), key, "found ", key, " that is no table, expected [", key, "]");
    if (!node->is_table()) return;
    Table one = reading_.table(*node->as_table(), "[" + std::string(key) + "]");
    read(one);
    one.end();
  }
  // Reads every table of a list, where the plan has one.
  void each(const char* key, const std::function<void(Table&)>& read) {
    const auto* node = top_.find(key);
    if (node == nullptr) return;
    top_.check(node->is_array(), key, "found ", key, " that is no list of tables, expected [[", key, "]]");
    if (!node->is_array()) return;
    for (const auto& item : *node->as_array()) {
      top_.check(item.is_table(), key, "found ", key, " that is no table, expected [[", key, "]]");
      if (!item.is_table()) continue;
      Table one = reading_.table(*item.as_table(), "[[" + std::string(key) + "]]");
      read(one);
      one.end();
    }
  }

  void read_model(Plan& plan) {
    PlanPaths& paths = reading_.paths;
    table("model", [&](Table& model) {
      model.read("path", plan.model.path);
      model.choose("precision", plan.model.precision, {"nf4", "bf16", "fp32"});
      model.read("template_date", plan.model.template_date);
      model.read("system_prompt", plan.model.system_prompt);
      model.read("plain_content", plan.model.plain_content);
      model.read("adapter", plan.model.adapter);
      model.end();
      model.check(!plan.model.path.empty(), "path",
                  "found no model.path, expected a checkpoint directory; try [model] path = \"...\"");
      plan.model.path = paths.resolve(model, "path", plan.model.path, PathOf::kModel);
      plan.model.adapter = paths.resolve(model, "adapter", plan.model.adapter, PathOf::kAdapter);
    });
    if (!top_.has("model"))
      reading_.problems.push_back(
          {0, "[plan] " + reading_.file +
                  ":1: found no model.path, expected a checkpoint directory; try [model] path = \"...\""});
    table("safeguarded", [&](Table& other) {
      other.read("path", plan.safeguarded.path);
      other.read("adapter", plan.safeguarded.adapter);
      other.end();
      other.check(!plan.safeguarded.path.empty() || !plan.safeguarded.adapter.empty(), "path",
                  "found a safeguarded model without path and adapter, expected one of them");
      plan.safeguarded.path = paths.resolve(other, "path", plan.safeguarded.path, PathOf::kModel);
      plan.safeguarded.adapter = paths.resolve(other, "adapter", plan.safeguarded.adapter, PathOf::kAdapter);
      if (plan.safeguarded.path.empty() && !plan.safeguarded.adapter.empty()) plan.safeguarded.path = plan.model.path;
    });
  }

  void read_generation(Plan& plan) {
    auto& generation = plan.generation;
    generation.samples = reading_.preset.samples;
    generation.temperature = reading_.preset.temperature;
    table("generation", [&](Table& one) {
      one.read("max_new_tokens", generation.max_new_tokens, 1, "tokens");
      one.read("samples", generation.samples, 1, "answers a prompt");
      one.read("wave", generation.wave, 1, "items");
      one.read("temperature", generation.temperature, 0);
      one.read("top_p", generation.top_p, 1e-6);
      one.check(generation.top_p <= 1, "top_p", "found top_p = ", generation.top_p, ", expected a share of at most 1");
      // The likeliest answer is the same every time.
      if (generation.temperature == 0 && !one.has("samples")) generation.samples = 1;
    });
  }

  void read_threshold(Plan& plan) {
    table("threshold", [&](Table& one) {
      Threshold& threshold = plan.threshold;
      one.read("share", threshold.share, 0, "of the untouched model's refusals");
      one.read("rate", threshold.rate, 0, "of refusal");
      one.end();
      one.check(!one.has("share") || (threshold.share > 0 && threshold.share < 1), "share",
                "found share = ", threshold.share,
                ", expected a share of the untouched model's refusals between 0 and 1");
      one.check(!one.has("rate") || (threshold.rate > 0 && threshold.rate < 1), "rate", "found rate = ", threshold.rate,
                ", expected a rate of refusal between 0 and 1; try 0.2 for 20 %");
      one.check(!one.has("share") || !one.has("rate"), "rate", "found a rate beside a share, expected one of them");
      one.check(one.has("share") || one.has("rate"), "share",
                "found a threshold without share and rate, expected one of them; try share = 0.5");
    });
  }

  // Prices, and the devices that costs are projected to.
  void read_costs(Plan& plan) {
    std::vector<std::string> devices = {"RTX 4090", "A100 80GB", "H100"};
    const auto collect = [&](const std::function<void()>& find) {
      try {
        find();
      } catch (const Error& error) {
        reading_.problems.push_back({0, error.what()});
      }
    };
    const auto add = [&](const std::string& word) {
      for (Device& device : find_devices(word)) plan.devices.push_back(std::move(device));
    };
    table("price", [&](Table& price) {
      price.read("usd_per_hour", plan.usd_per_hour, 0, "US dollars an hour");
      price.read("devices", devices, "names of devices, or files with [[device]] tables");
      for (std::string& one : devices) {
        if (!is_shipped_device(one)) one = reading_.paths.resolve(price, "devices", one, PathOf::kAnything);
      }
    });
    for (const std::string& one : devices) collect([&] { add(one); });
    each("device", [&](Table& one) { collect([&] { plan.devices.push_back(read_device(one, one.place(""))); }); });
  }

  JudgePlan read_judge_table(Table& table) {
    JudgePlan one = read_judge(table);
    reading_.check_name(table, one.name, "judge");
    const bool is_model = one.kind == "model";
    one.path =
        reading_.paths.resolve(table, is_model ? "model" : "file", one.path, is_model ? PathOf::kModel : PathOf::kFile);
    const std::string file = reading_.paths.resolve(table, "template", one.judge_template, PathOf::kAnything);
    if (fs::exists(file)) one.judge_template = file;
    return one;
  }

  void read_confirmation(Plan& plan) {
    table("confirmation", [&](Table& one) {
      auto& confirmation = plan.confirmation;
      one.read("benchmark", confirmation.benchmark);
      one.read("path", confirmation.path);
      one.read("share", confirmation.share, 0);
      one.read("seeds", confirmation.seeds, "whole numbers");
      confirmation.path = reading_.paths.resolve(one, "path", confirmation.path, PathOf::kData);
      if (one.has("seeds")) return;
      std::int64_t last = plan.seed;
      for (const ArmPlan& arm : plan.arms) last = std::max(last, *std::max_element(arm.seeds.begin(), arm.seeds.end()));
      confirmation.seeds = reading_.preset.seeds(last + 1);
    });
  }

  const toml::table& root_;
  PlanReading& reading_;
  Table top_;
};

}  // namespace

void PlanReading::check_name(Table& table, const std::string& name, const char* what) {
  if (table.is_faulty("name")) return;
  const bool is_fit = !name.empty() && name.find_first_of(",\"\n\r") == std::string::npos;
  table.check(is_fit, "name", "found the ", what, " name '", name,
              "', expected a text without commas, quotes and line ends");
  table.check(!is_fit || names.insert(std::string(what) + " " + name).second, "name", "found the ", what, " '", name,
              "' a second time, expected each once");
}

Plan read_plan(const fs::path& path, const std::vector<std::string>& overrides, PlanFiles files) {
  return parse_plan(read_file(path), path.string(), fs::absolute(path).parent_path(), overrides, files);
}

Plan parse_plan(std::string_view plan_text, const std::string& file, const fs::path& base,
                const std::vector<std::string>& overrides, PlanFiles files) {
  toml::table root;
  try {
    root = toml::parse(plan_text, file);
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::kBadInput, "[plan] ", file, ":", error.source().begin.line, ": found text that is no TOML (",
         error.description(), "), expected key = value");
  }
  Problems of_options;
  for (const std::string& one : overrides) {
    try {
      apply_override(root, one);
    } catch (const Error& error) {
      of_options.push_back({0, error.what()});
    }
  }
  const auto variables = variables_of(root, base, overrides);
  PlanReading reading{file, {variables, base, files == PlanFiles::kMustExist}, {}, std::move(of_options), {}};
  Plan plan = Reader(root, reading).read(variables);
  raise(std::move(reading.problems), file);
  return plan;
}

}  // namespace holdfast::assessment
