// selftest
#include <unistd.h>

#include <iostream>
#include <map>

#include "assessment/selftest.h"
#include "base/error.h"
#include "commands.h"
#include "evaluation/page.h"
#include "option_checks.h"
#include "text_table.h"

namespace holdfast::apps {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kLongest = 18;
using nlohmann::ordered_json;

// A directory that is gone when the command ends.
class Scratch {
 public:
  Scratch() : path_(fs::temp_directory_path() / ("holdfast-selftest-" + std::to_string(getpid()))) {
    std::error_code error;
    fs::create_directories(path_, error);
    HOLDFAST_CHECK(kMachine, !error, "[selftest] cannot make directory ", path_.string(), ": ", error.message(),
                   "; try another TMPDIR");
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Models of which scores are published on the pages, with the benchmarks of each.
std::string published_models() {
  std::map<std::string, std::string> models;
  for (const evaluation::Page& page : evaluation::built_in_pages()) {
    for (const evaluation::Reference& one : page.references) {
      std::string& names = models[one.model];
      if (!names.ends_with(page.name)) names += (names.empty() ? "" : ", ") + page.name;
    }
  }
  std::string text;
  for (const auto& [model, names] : models) text += "  " + model + ": " + names + "\n";
  return text;
}

}  // namespace

void add_selftest_command(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto* command = app.add_subcommand(
      "selftest", "does this program on this machine find what others have found?  exit code 3 where it does not");
  command->add_option("--threads", common->threads, "threads of arithmetic (default: all cores)")
      ->check(CLI::Range(1, 1024));
  auto references = std::make_shared<assessment::ReferenceOptions>();
  auto model = std::make_shared<std::string>();
  command->add_option("--model", *model, "a model of yours, whose published scores are looked for again");
  command->add_option("--benchmark", references->benchmarks, "NAME[:KIND]=PATH with --model; repeatable");
  command->add_option("--as", references->published_name,
                      "the published model's name, where the directory has another (Llama-2-7b-hf)");
  command->add_option("--precision", references->precision, "of --model: nf4, bf16 (default) or fp32");
  add_quiet(*command);
  command->add_flag("--json", common->json, "the checks as JSON");
  command->callback([=] {
    HOLDFAST_CHECK(kBadInput, model->empty() == references->benchmarks.empty(), "[selftest] found ",
                   model->empty() ? "--benchmark without --model" : "--model without --benchmark",
                   ", expected both or neither; try --model DIR --benchmark mmlu=DIR");
    common->quiet = true;
    apply_common(*common);
    const Scratch scratch;
    assessment::SelftestOptions options;
    options.organism = asset_root("assets/organism/config.json", "selftest") / "assets" / "organism";
    options.scratch = scratch.path();
    auto checks = assessment::run_selftest(options);
    if (!model->empty()) {
      references->model = *model;
      references->scratch = scratch.path();
      for (auto& check : assessment::check_references(*references)) checks.push_back(std::move(check));
    }
    std::size_t failed = 0;
    ordered_json list = ordered_json::array();
    TextTable table({{""}, {"part"}, {"check", false, true}, {"found", true}, {"expected", true}});
    for (const auto& one : checks) {
      failed += !one.has_passed;
      list.push_back({{"part", one.part},
                      {"name", one.name},
                      {"found", one.found},
                      {"expected", one.expected},
                      {"source", one.source},
                      {"has_passed", one.has_passed}});
      table.add({one.has_passed ? "ok" : "FAILED", one.part, one.name, shortened(one.found, kLongest),
                 shortened(one.expected, kLongest)});
    }
    if (common->json)
      std::cout << ordered_json{{"schema", 1}, {"checks", list}, {"failed", failed}}.dump(2) << '\n';
    else
      std::cout << table.text() << checks.size() << " checks, " << failed << " failed\n";
    if (!common->json && model->empty())
      std::cout << "Not checked: published scores, with --model DIR --benchmark NAME=PATH, which are known of\n"
                << published_models();
    if (failed > 0) throw Unmet{};
  });
}

}  // namespace holdfast::apps
