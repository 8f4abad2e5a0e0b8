// judge
#include <iostream>

#include "assessment/judging.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "commands.h"
#include "result_table.h"

namespace holdfast::apps {

void add_judge_command(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto directory = std::make_shared<std::string>();
  auto options = std::make_shared<std::vector<std::string>>();
  auto* command = app.add_subcommand("judge", "judges a run's stored answers again, without the model that gave them");
  command->add_option("directory", *directory, "directory of the run")->required();
  command
      ->add_option(
          "--judge", *options,
          "NAME of a shipped list, list:FILE, model:DIR,template=T or endpoint:URL,model=M,template=T; repeatable")
      ->required();
  add_common(*command, *common, false);
  add_cache(*command, *common, "DIR/cache");
  command->callback([=] {
    apply_common(*common);
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
