// evaluate, assess, report, demo
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "assessment/journal.h"
#include "assessment/results.h"
#include "assessment/runner.h"
#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "commands.h"
#include "evaluation/benchmark.h"

namespace holdfast::apps {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

void print_table(const fs::path& directory, bool as_json) {
  const auto results = ordered_json::parse(read_file(directory / "results.json"));
  if (as_json) {
    std::cout << results.dump(2) << '\n';
    return;
  }
  std::printf("%-12s %5s %-18s %-12s %9s %8s  %s\n", "arm", "step", "benchmark", "metric", "k/n", "value",
              "95 % interval");
  for (const auto& cell : results["cells"]) {
    if (!cell.contains("value")) continue;
    const std::string count = cell["k"].dump() + "/" + cell["n"].dump();
    std::printf("%-12s %5lld %-18s %-12s %9s %7.1f%%  %.1f - %.1f\n", cell["arm"].get<std::string>().c_str(),
                static_cast<long long>(cell["step"].get<std::int64_t>()), cell["benchmark"].get<std::string>().c_str(),
                cell["metric"].get<std::string>().c_str(), count.c_str(), 100 * cell["value"].get<double>(),
                100 * cell["low"].get<double>(), 100 * cell["high"].get<double>());
  }
  std::printf("\nreport: %s\n", fs::absolute(directory / "report.html").lexically_normal().c_str());
}

void assess(const fs::path& plan_path, const fs::path& out, const std::vector<std::string>& overrides,
            const Common& common, bool has_seed) {
  apply_common(common);
  auto plan = assessment::read_plan(plan_path, overrides);
  if (has_seed) plan.seed = static_cast<std::int64_t>(common.seed);
  stop_on_signals();
  assessment::run_plan(plan, out, {.show_progress = !common.quiet});
  print_table(out, common.json);
}

struct EvaluateFlags {
  std::vector<std::string> adapters, benchmarks, judges;
  std::string out, truncated = "degenerate";
  std::int64_t max_new_tokens = 256, samples = 1;
  double temperature = 0;
};

void evaluate(const EvaluateFlags& flags, const Common& common) {
  apply_common(common);
  assessment::Plan plan;
  plan.name = "evaluation of " + fs::path(common.model).filename().string();
  plan.model.path = common.model;
  plan.model.precision = common.precision.empty() ? "fp32" : common.precision;
  plan.model.template_date = common.template_date;
  plan.seed = static_cast<std::int64_t>(common.seed);
  plan.generation.max_new_tokens = flags.max_new_tokens;
  plan.generation.samples = flags.samples;
  plan.generation.temperature = flags.temperature;
  for (const std::string& option : flags.benchmarks) {
    const auto spec = evaluation::parse_benchmark_option(option);
    assessment::BenchmarkPlan one;
    one.name = spec.name;
    one.kind = spec.kind;
    one.path = spec.path.string();
    one.judges = flags.judges;
    one.truncated = flags.truncated;
    plan.benchmarks.push_back(std::move(one));
  }
  for (const std::string& adapter : flags.adapters) {
    assessment::ArmPlan arm;
    const fs::path path = fs::path(adapter) / "";
    arm.name = path.parent_path().filename().string();
    arm.adapter = adapter;
    arm.checkpoints = {0};
    plan.arms.push_back(std::move(arm));
  }
  stop_on_signals();
  assessment::run_plan(plan, flags.out, {.show_progress = !common.quiet});
  print_table(flags.out, common.json);
}

// The organism's plan stands in the source tree, or beside the program.
fs::path demo_plan() {
  const fs::path beside = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& root : {beside / "..", fs::path(HOLDFAST_SOURCE_DIR)}) {
    if (fs::exists(root / "examples" / "organism.toml")) return root / "examples" / "organism.toml";
  }
  fail(ErrorKind::kMachine,
       "[demo] found no examples/organism.toml beside the program, expected the source tree; try assess with a plan");
}

}  // namespace

void add_measure_commands(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto overrides = std::make_shared<std::vector<std::string>>();
  auto plan = std::make_shared<std::string>(), out = std::make_shared<std::string>();
  auto flags = std::make_shared<EvaluateFlags>();

  auto* evaluate_command = app.add_subcommand("evaluate", "measures a model, and adapters on it, on benchmarks");
  add_common(*evaluate_command, *common);
  evaluate_command->add_option("--precision", common->precision,
                               "nf4, bf16 or fp32 (default: the checkpoint's own values, in fp32)");
  evaluate_command->add_option("--template-date", common->template_date, "the date that templates see, YYYY-MM-DD");
  evaluate_command->add_option("--adapter", flags->adapters, "PEFT adapter directory; repeatable");
  evaluate_command->add_option("--benchmark", flags->benchmarks, "NAME[:KIND]=PATH; repeatable")->required();
  evaluate_command->add_option("--judge", flags->judges, "xstest-prefix, advbench-substring; repeatable");
  evaluate_command
      ->add_option("--truncated", flags->truncated,
                   "answers cut by the limit: degenerate, or judge them by what they say")
      ->check(CLI::IsMember({"degenerate", "judge"}));
  evaluate_command->add_option("--max-new-tokens", flags->max_new_tokens)->check(CLI::PositiveNumber);
  evaluate_command->add_option("--samples", flags->samples)->check(CLI::PositiveNumber);
  evaluate_command->add_option("--temperature", flags->temperature)->check(CLI::NonNegativeNumber);
  evaluate_command->add_option("-o,--output", flags->out, "directory of the run")->required();
  evaluate_command->callback([=] { evaluate(*flags, *common); });

  auto* assess_command = app.add_subcommand(
      "assess", "trains, measures and reports by a plan; the same command goes on after an interruption");
  assess_command->add_option("plan", *plan, "TOML file")->required();
  assess_command->add_option("-o,--output", *out, "directory of the run")->required();
  assess_command->add_option("--set", *overrides, "table.key=value; repeatable");
  add_common(*assess_command, *common, false);
  assess_command->callback([=] { assess(*plan, *out, *overrides, *common, assess_command->count("--seed") > 0); });

  auto* report_command = app.add_subcommand("report", "rebuilds every output from the journal, without the model");
  report_command->add_option("directory", *out, "directory of the run")->required();
  report_command->add_flag("--json", common->json, "the results as JSON");
  report_command->callback([=] {
    assessment::write_outputs(assessment::Journal::open_existing(*out), *out);
    print_table(*out, common->json);
  });

  auto* demo_command = app.add_subcommand("demo", "the whole thing on the built-in model organism");
  demo_command->add_option("-o,--output", *out, "directory of the run (default: runs/demo)");
  add_common(*demo_command, *common, false);
  demo_command->callback(
      [=] { assess(demo_plan(), out->empty() ? "runs/demo" : *out, {}, *common, demo_command->count("--seed") > 0); });
}

}  // namespace holdfast::apps
