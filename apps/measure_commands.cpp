// evaluate, assess, report, demo
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "assessment/inputs.h"
#include "assessment/journal.h"
#include "assessment/live_view.h"
#include "assessment/result_calibration.h"
#include "assessment/results.h"
#include "assessment/runner.h"
#include "assessment/transcript.h"
#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "checkpoint/hf_config.h"
#include "commands.h"
#include "evaluation/benchmark.h"
#include "evaluation/page.h"
#include "option_checks.h"
#include "result_table.h"
#include "server/watch_server.h"

namespace holdfast::apps {
namespace {

namespace fs = std::filesystem;
constexpr const char* kSetHelp = "table.key=value of the plan; repeatable";
using nlohmann::ordered_json;

void print_results(const ordered_json& results, const fs::path& directory, bool as_json) {
  if (as_json)
    std::cout << results.dump(2) << '\n';
  else
    std::cout << result_table(results)
              << "\nreport: " << fs::absolute(directory / "report.html").lexically_normal().string() << '\n';
}

// What the command line says, in a plan's words.
std::vector<std::string> with_common(std::vector<std::string> overrides, const Common& common, bool has_seed) {
  if (!common.model.empty()) overrides.push_back("model.path=" + fs::absolute(common.model).string());
  if (!common.precision.empty()) overrides.push_back("model.precision=" + common.precision);
  if (has_seed) overrides.push_back("seed=" + std::to_string(common.seed));
  return overrides;
}

// --watch [PORT]
struct Watch {
  std::string port;
  bool is_on = false;
};

void add_watch(CLI::App& command, Watch& watch) {
  const CLI::Validator is_port(
      [](std::string& text) {
        const bool is_number = !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == text.npos;
        return is_number && std::stoi(text) <= 65535
                   ? std::string()
                   : "found '" + text + "', expected a port from 0 to 65535; try --watch at the end of the line";
      },
      "PORT");
  command
      .add_option_function<std::string>(
          "--watch",
          [&watch](const std::string& port) {
            watch.is_on = true;
            watch.port = port;
          },
          "serves the run to a browser of this machine while it runs, on this port of 127.0.0.1 (default: any free "
          "one), and prints the address")
      ->expected(0, 1)
      ->default_str("0")
      ->check(is_port);
}

void run(const std::string& command, const assessment::Plan& plan, const fs::path& out, const Common& common,
         const Watch& watch, bool moves_aside = false) {
  stop_on_signals();
  {
    assessment::LiveView view({.command = command, .is_shown = !common.quiet});
    std::unique_ptr<server::WatchServer> server;
    if (watch.is_on) {
      const auto report = [out] { return assessment::report_page(assessment::Journal::open_existing(out)); };
      server = std::make_unique<server::WatchServer>(server::WatchSources{[&view] { return view.snapshot(); }, report},
                                                     std::stoi(watch.port));
      std::cerr << "watch it at " << server->url() << " until it ends\n";
    }
    assessment::run_plan(plan, out,
                         {.moves_aside = moves_aside, .cache = cache_directory(common, out / "cache"), .view = &view});
  }
  print_results(ordered_json::parse(read_file(out / "results.json")), out, common.json);
}

struct EvaluateFlags {
  std::vector<std::string> adapters, benchmarks, judges, pages;
  bool shows_requests = false;
  std::string out, calibration, truncated = "degenerate";
  std::int64_t max_new_tokens = 256, samples = 1;
  double temperature = 0;
};

// The checkpoint's own values, which arithmetic on a CPU holds in float.
std::string own_precision(const fs::path& model) { return checkpoint::read_config(model).is_four_bit ? "nf4" : "fp32"; }

// The pages of --benchmark-page, by the names that stand in them.
class OwnPages {
 public:
  explicit OwnPages(const EvaluateFlags& flags) : is_single_(flags.pages.size() == 1 && flags.benchmarks.size() == 1) {
    for (const std::string& path : flags.pages) paths_[evaluation::parse_page(read_file(path), path).name] = path;
  }
  // That of a benchmark: the one its kind or else its name names, or the only one of the only benchmark.
  std::string take(const evaluation::BenchmarkSpec& spec) {
    auto found = paths_.find(spec.kind.empty() ? spec.name : spec.kind);
    if (found == paths_.end() && is_single_ && spec.kind.empty()) found = paths_.begin();
    if (found == paths_.end()) return "";
    used_.insert(found->first);
    return fs::absolute(found->second).string();
  }
  void check_all_used() const {
    for (const auto& [name, path] : paths_)
      HOLDFAST_CHECK(kBadInput, used_.count(name) > 0, "[options] found --benchmark-page ", path, " of the benchmark '",
                     name, "', which no --benchmark names; try --benchmark NAME:", name, "=PATH");
  }

 private:
  const bool is_single_;
  std::map<std::string, std::string> paths_;
  std::set<std::string> used_;
};

// The plan that the flags of `evaluate` say, as TOML, so that --set reaches all of it.
std::string evaluation_plan(const EvaluateFlags& flags, const Common& common) {
  const auto text = [](const std::string& value) { return ordered_json(value).dump(); };  // JSON's texts are TOML's
  std::ostringstream plan;
  plan << "name = " << text("Evaluation of " + fs::path(common.model).lexically_normal().filename().string())
       << "\nseed = " << common.seed << "\n[model]\npath = " << text(fs::absolute(common.model).string())
       << "\nprecision = " << text(common.precision.empty() ? own_precision(common.model) : common.precision)
       << "\ntemplate_date = " << text(common.template_date)
       << "\n[generation]\nmax_new_tokens = " << flags.max_new_tokens << "\nsamples = " << flags.samples
       << "\ntemperature = " << ordered_json(flags.temperature).dump() << "\n";
  OwnPages pages(flags);
  std::vector<std::string> judges;
  std::string judge_tables;
  for (const std::string& option : flags.judges) {
    const auto judge = assessment::parse_judge_option(option);
    judges.push_back(judge.name);
    if (!judge.kind.empty()) judge_tables += assessment::judge_toml(judge);
  }
  for (const std::string& option : flags.benchmarks) {
    const auto spec = evaluation::parse_benchmark_option(option);
    const std::string page = pages.take(spec);
    plan << "[[benchmark]]\nname = " << text(spec.name) << "\nkind = " << text(spec.kind)
         << "\npath = " << text(fs::absolute(spec.path).string()) << "\njudges = " << ordered_json(judges).dump()
         << "\ntruncated = " << text(flags.truncated) << "\n";
    if (!page.empty()) plan << "page = " << text(page) << "\n";
  }
  pages.check_all_used();
  for (const std::string& adapter : flags.adapters) {
    const fs::path path = (fs::absolute(adapter) / "").lexically_normal();
    plan << "[[arm]]\nname = " << text(path.parent_path().filename().string())
         << "\nadapter = " << text(path.parent_path().string()) << "\n";
  }
  if (!flags.calibration.empty())
    plan << "[calibration]\nfile = " << text(fs::absolute(flags.calibration).string()) << "\n";
  return plan.str() + judge_tables;
}

assessment::Plan demo_plan(const std::vector<std::string>& overrides) {
  constexpr const char* kPlan = "examples/organism.toml";
  return assessment::read_plan(asset_root(kPlan, "demo") / kPlan, overrides);
}

// The demo on a real chat model.  What is not ours to ship, its weights and MMLU, is the user's.
assessment::Plan large_demo_plan(const std::vector<std::string>& overrides) {
  constexpr const char* kPlan = "examples/large.toml";
  const fs::path path = asset_root(kPlan, "demo") / kPlan;
  assessment::Plan plan = assessment::read_plan(path, overrides, assessment::PlanFiles::kMayBeMissing);
  HOLDFAST_CHECK(kBadInput, fs::exists(plan.model.path), "[demo] found no ", plan.model.path,
                 ", expected the weights of SmolLM2-135M-Instruct; try ./dev model smollm2");
  const bool has_data =
      std::any_of(overrides.begin(), overrides.end(), [](const std::string& one) { return one.starts_with("data="); });
  if (has_data) return assessment::read_plan(path, overrides);
  if (std::erase_if(plan.benchmarks, [](const auto& one) { return one.name == "mmlu"; }) > 0)
    log_warning("MMLU is left out: --set data=DIRECTORY names the directory that holds benchmarks/mmlu");
  return plan;
}

}  // namespace

void add_measure_commands(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto overrides = std::make_shared<std::vector<std::string>>();
  auto plan = std::make_shared<std::string>(), out = std::make_shared<std::string>();
  auto flags = std::make_shared<EvaluateFlags>();
  auto watch = std::make_shared<Watch>();

  const auto add_plan_options = [=](CLI::App& command) {
    add_cache(command, *common, "DIR/cache");
    command.add_option("--set", *overrides, kSetHelp);
    command.add_option("--precision", common->precision, "of the base, instead of the plan's: nf4, bf16 or fp32");
  };

  auto* evaluate_command = app.add_subcommand("evaluate", "measures a model, and adapters on it, on benchmarks");
  add_common(*evaluate_command, *common);
  evaluate_command->add_option("--precision", common->precision,
                               "nf4, bf16 or fp32 (default: the checkpoint's own values, in fp32)");
  add_cache(*evaluate_command, *common, "DIR/cache");
  evaluate_command->add_option("--template-date", common->template_date, "the date that templates see, YYYY-MM-DD");
  evaluate_command->add_option("--adapter", flags->adapters, "PEFT adapter directory; repeatable");
  evaluate_command->add_option("--benchmark", flags->benchmarks, "NAME[:KIND]=PATH; repeatable")->required();
  evaluate_command->add_option("--benchmark-page", flags->pages,
                               "a page of your own, for the --benchmark of its name or kind; repeatable");
  evaluate_command->add_flag("--show-requests", flags->shows_requests,
                             "write every request with its token ids as JSONL, and do not load the model");
  evaluate_command->add_option(
      "--judge", flags->judges,
      "NAME of a shipped list, list:FILE, model:DIR,template=T or endpoint:URL,model=M,template=T; repeatable");
  evaluate_command
      ->add_option("--truncated", flags->truncated,
                   "answers cut by the limit: degenerate, or judge them by what they say")
      ->check(CLI::IsMember({"degenerate", "judge"}));
  evaluate_command->add_option("--calibration", flags->calibration,
                               "corrects rates of refusal by this file of holdfast calibrate");
  evaluate_command
      ->add_option("--max-new-tokens", flags->max_new_tokens, "an answer's length limit, in tokens (default: 256)")
      ->check(whole_number(1));
  evaluate_command->add_option("--samples", flags->samples, "answers to each prompt, with a temperature (default: 1)")
      ->check(whole_number(1));
  evaluate_command->add_option("--temperature", flags->temperature, "0, the default: the likeliest token")
      ->check(number_from_zero());
  auto* evaluate_output = evaluate_command->add_option("-o,--output", flags->out, "directory of the run");
  evaluate_command->add_option("--set", *overrides, kSetHelp);
  add_watch(*evaluate_command, *watch);
  evaluate_command->callback([=] {
    apply_common(*common);
    const auto measured =
        assessment::parse_plan(evaluation_plan(*flags, *common), "evaluate", fs::current_path(), *overrides);
    if (flags->shows_requests) {
      assessment::each_request(measured, assessment::load_benchmarks(measured),
                               [](const ordered_json& line) { std::cout << line.dump() << '\n'; });
      return;
    }
    HOLDFAST_CHECK(kBadInput, evaluate_output->count() > 0,
                   "[options] found no -o, expected the directory of the run; try -o runs/evaluation");
    run("evaluate", measured, flags->out, *common, *watch);
  });

  auto* assess_command = app.add_subcommand(
      "assess", "trains, measures and reports by a plan; the same command goes on after an interruption");
  assess_command->add_option("plan", *plan, "TOML file")->required();
  assess_command->add_option("-o,--output", *out, "directory of the run")->required();
  add_common(*assess_command, *common, false);
  add_plan_options(*assess_command);
  add_watch(*assess_command, *watch);
  assess_command->callback([=] {
    apply_common(*common);
    run("assess", assessment::read_plan(*plan, with_common(*overrides, *common, assess_command->count("--seed") > 0)),
        *out, *common, *watch);
  });

  auto* report_command = app.add_subcommand("report", "rebuilds every output from the journal, without the model");
  report_command->add_option("directory", *out, "directory of the run")->required();
  auto elsewhere = std::make_shared<std::string>();
  report_command->add_option("-o,--output", *elsewhere, "directory to write to, when not the run's own");
  auto calibration = std::make_shared<std::string>();
  report_command->add_option("--calibration", *calibration,
                             "from now on corrects rates by this file of holdfast calibrate");
  auto has_png = std::make_shared<bool>(false), has_text = std::make_shared<bool>(false);
  report_command->add_flag("--png", *has_png, "the plots also as PNG, for papers; needs librsvg");
  report_command->add_flag("--include-text", *has_text,
                           "also text.html: prompts and answers side by side, in a file of its own with mode 0600");
  add_quiet(*report_command);
  report_command->add_flag("--json", common->json, "the results as JSON");
  report_command->callback([=] {
    if (!calibration->empty()) {
      auto changed = assessment::Journal::open_for_judging(*out);
      changed.set_calibration(assessment::read_calibration(*calibration, changed.identity()));
    }
    const auto journal = assessment::Journal::open_existing(*out);
    const fs::path target = elsewhere->empty() ? *out : *elsewhere;
    std::error_code error;
    fs::create_directories(target, error);
    HOLDFAST_CHECK(kMachine, !error, "[report] cannot make directory ", target.string(), ": ", error.message(),
                   "; try another -o");
    assessment::write_outputs(journal, target);
    if (*has_png) assessment::write_plots_as_png(journal, target);
    if (*has_text) assessment::write_transcript(*out, target / "text.html");
    print_results(ordered_json::parse(read_file(target / "results.json")), target, common->json);
  });

  auto* demo_command = app.add_subcommand("demo", "the whole thing on the built-in model organism");
  demo_command->add_option(
      "-o,--output", *out,
      "directory of the run (default: runs/demo or runs/demo-large, where a run of another program "
      "or plan is moved aside)");
  auto is_large = std::make_shared<bool>(false);
  demo_command->add_flag(
      "--large", *is_large,
      "on SmolLM2-135M-Instruct, taught what the organism knows (./dev model smollm2 gets it; minutes)");
  add_common(*demo_command, *common, false);
  add_plan_options(*demo_command);
  add_watch(*demo_command, *watch);
  demo_command->callback([=] {
    apply_common(*common);
    const bool is_default = out->empty();
    const auto said = with_common(*overrides, *common, demo_command->count("--seed") > 0);
    run("demo", *is_large ? large_demo_plan(said) : demo_plan(said),
        !is_default ? *out
        : *is_large ? "runs/demo-large"
                    : "runs/demo",
        *common, *watch, is_default);
  });
}

}  // namespace holdfast::apps
