// compare
#include <iostream>

#include "assessment/compare.h"
#include "assessment/journal.h"
#include "base/error.h"
#include "base/files.h"
#include "commands.h"
#include "option_checks.h"
#include "text_table.h"

namespace holdfast::apps {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::string points(double share) { return format_number("%+.1f", 100 * share); }

std::string differences_text(const ordered_json& result) {
  std::string text;
  for (const auto& one : result["differences"]) {
    text += std::string(one["is_allowed"] ? "  allowed  " : "  differs  ") + one["name"].get<std::string>() + ": " +
            one["first"].get<std::string>() + " | " + one["second"].get<std::string>() + "\n";
  }
  return text;
}

std::string lone_text(const ordered_json& result) {
  std::string text;
  for (const auto& [key, which] : {std::pair{"only_first", "first"}, std::pair{"only_second", "second"}}) {
    for (const char* kind : {"benchmarks", "arms"}) {
      if (result[key][kind].empty()) continue;
      std::string names;
      for (const auto& name : result[key][kind]) names += (names.empty() ? "" : ", ") + name.get<std::string>();
      text += std::string("Of the ") + which + " run the " + kind + " " + names + " are not compared.\n";
    }
  }
  return text;
}

std::string comparison_text(const ordered_json& result) {
  if (result["is_comparable"] == false)
    return "Not comparable. The runs differ in:\n" + differences_text(result) +
           "Where that is what you want to compare, say so: --allow NAME for each.\n";
  std::string head;
  if (!result["differences"].empty())
    head = "Compared although the runs differ in:\n" + differences_text(result) + "\n";
  TextTable table({{"arm", false, true},
                   {"step", true},
                   {"benchmark", false, true},
                   {"metric", false, true},
                   {"judge", false, true},
                   {"n", true},
                   {"first %", true},
                   {"second %", true},
                   {"difference, pp", true},
                   {"p", true}});
  for (const auto& one : result["comparisons"]) {
    const std::string arm = one["arm"], other = one["second_arm"];
    table.add({arm == other ? arm : arm + " | " + other, one["step"].dump(), one["benchmark"], one["metric"],
               one["judge"], one["n"].dump(), format_number("%.1f", 100 * one["before"].get<double>()),
               format_number("%.1f", 100 * one["after"].get<double>()),
               points(one["difference"]) + " (" + points(one["low"]) + " .. " + points(one["high"]) + ")",
               format_number("%.2g", one["p"])});
  }
  if (table.is_empty())
    return head + lone_text(result) + "The runs have no answer to the same item: nothing to compare.\n";
  return head + table.text() + lone_text(result) +
         "In brackets: 95 % interval of the paired difference. p: exact McNemar, or Student's t over items where an "
         "item "
         "has several answers or a score.\n";
}

}  // namespace

void add_compare_command(CLI::App& app) {
  struct Flags {
    std::string first, second, out;
    assessment::CompareOptions options;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  auto* command =
      app.add_subcommand("compare", "two runs item by item; exit code 3 and what differs when they are not comparable");
  command->add_option("first", flags->first, "directory of a run")->required();
  command->add_option("second", flags->second, "directory of another run")->required();
  command->add_option("--allow", flags->options.allowed,
                      "what may differ, by the name that the list of differences has (weights, program, judge, "
                      "judge.NAME, ...); repeatable");
  command->add_option("--arm", flags->options.arms,
                      "FIRST=SECOND: an arm of the first run with one of the second (default: arms of one name); "
                      "repeatable");
  command->add_option("-o,--output", flags->out, "also writes the comparison as JSON to this file");
  add_quiet(*command);
  command->add_flag("--json", flags->json, "the comparison as JSON");
  command->callback([=] {
    const auto first = assessment::Journal::open_existing(flags->first);
    const auto second = assessment::Journal::open_existing(flags->second);
    const ordered_json result = assessment::compare_runs(first, second, flags->options);
    if (!flags->out.empty()) write_file_atomic(flags->out, result.dump(2) + "\n");
    std::cout << (flags->json ? result.dump(2) + "\n" : comparison_text(result));
    if (result["is_comparable"] == false || result["comparisons"].empty()) throw Unmet{};
  });
}

}  // namespace holdfast::apps
