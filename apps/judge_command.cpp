// judge
#include <iostream>

#include "assessment/judging.h"
#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "commands.h"
#include "evaluation/judges/judge_catalog.h"
#include "result_table.h"

namespace holdfast::apps {

namespace {

// The judges that need no file of the user's, and where each comes from.
void print_catalog(bool as_json) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const auto& one : evaluation::judge_catalog()) {
    rows.push_back({{"name", one.name},
                    {"kind", one.is_list ? "list" : "template"},
                    {"rule", one.rule},
                    {"source", one.source},
                    {"sha256", one.sha256}});
    if (!one.license.empty()) rows.back()["license"] = one.license;
    if (!one.model.empty()) rows.back()["model"] = one.model;
  }
  if (as_json) {
    std::cout << rows.dump(2) << "\n";
    return;
  }
  std::string kind;
  for (const auto& row : rows) {
    if (kind != row["kind"])
      std::cout << (kind.empty()
                        ? "Lists, --judge NAME:\n"
                        : "\nTemplates, --judge model:DIR,template=NAME or endpoint:URL,model=M,template=NAME:\n");
    kind = row["kind"];
    std::cout << "  " << row["name"].get<std::string>() << ": " << row["rule"].get<std::string>() << "\n    "
              << row["source"].get<std::string>() << "\n";
    for (const char* fact : {"license", "model"}) {
      if (row.contains(fact)) std::cout << "    " << fact << ": " << row[fact].get<std::string>() << "\n";
    }
  }
}

}  // namespace

void add_judge_command(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto directory = std::make_shared<std::string>();
  auto options = std::make_shared<std::vector<std::string>>();
  auto* command = app.add_subcommand("judge", "judges a run's stored answers again, without the model that gave them");
  auto lists = std::make_shared<bool>(false);
  command->add_option("directory", *directory, "directory of the run");
  command->add_option(
      "--judge", *options,
      "NAME of a shipped list, list:FILE, model:DIR,template=T or endpoint:URL,model=M,template=T; repeatable");
  command->add_flag("--list", *lists, "print the shipped lists and templates with their sources, and judge nothing");
  add_common(*command, *common, false);
  add_cache(*command, *common, "DIR/cache");
  command->callback([=] {
    apply_common(*common);
    if (*lists) return print_catalog(common->json);
    HOLDFAST_CHECK(kBadInput, !directory->empty() && !options->empty(), "[judge] found ",
                   directory->empty() ? "no directory" : "no --judge",
                   ", expected judge DIR --judge NAME; try judge --list");
    stop_on_signals();
    std::vector<assessment::JudgePlan> plans;
    for (const std::string& option : *options) plans.push_back(assessment::parse_judge_option(option));
    const std::filesystem::path run = *directory;
    assessment::judge_again(run, plans,
                            {.show_progress = !common->quiet, .cache = cache_directory(*common, run / "cache")});
    const auto results = nlohmann::ordered_json::parse(read_file(run / "results.json"));
    std::cout << (common->json ? results.dump(2) + "\n" : result_table(results));
  });
}

}  // namespace holdfast::apps
