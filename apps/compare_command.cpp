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

std::string interval_text(const ordered_json& one) {
  return "(" + points(one["low"]) + " .. " + points(one["high"]) + ")";
}

// "refusal, xstest-prefix", "acc": a judge is named where another could have judged otherwise.
std::string measure_of(const ordered_json& one) {
  const std::string metric = one["metric"];
  const bool is_judged = metric == "refusal" || metric == "over_refusal" || metric == "harm_score";
  return is_judged ? metric + ", " + one["judge"].get<std::string>() : metric;
}

// A line a comparison; below it what near-duplicate prompts make of the interval.
TextTable comparison_table(const ordered_json& comparisons) {
  bool has_seeds = false, has_margin = false;
  for (const auto& one : comparisons) {
    has_seeds = has_seeds || one["seed"] != comparisons[0]["seed"];
    has_margin = has_margin || one.contains("equivalence");
  }
  TextTable table({{"arm", false, true},
                   {"seed", true, false, has_seeds},
                   {"step", true},
                   {"benchmark", false, true},
                   {"measure", false, true},
                   {"n", true},
                   {"first %", true},
                   {"second %", true},
                   {"difference, pp", true},
                   {"p", true},
                   {"p Holm", true},
                   {"kept", false, false, has_margin}});
  for (const auto& one : comparisons) {
    const std::string arm = one["arm"], other = one["second_arm"];
    const std::string kept = !one.contains("equivalence")             ? ""
                             : one["equivalence"]["is_shown"] == true ? "yes"
                                                                      : "not shown";
    table.add({arm == other ? arm : arm + " | " + other, one["seed"].dump(), one["step"].dump(), one["benchmark"],
               measure_of(one), one["n"].dump(), format_number("%.1f", 100 * one["before"].get<double>()),
               format_number("%.1f", 100 * one["after"].get<double>()),
               points(one["difference"]) + " " + interval_text(one), format_number("%.2g", one["p"]),
               format_number("%.2g", one["p_holm"]), kept});
    if (one.contains("clustered") && one["clustered"].contains("low"))
      table.add({"", "", "", "", "", one["clustered"]["clusters"].dump() + " cl.", "", "",
                 interval_text(one["clustered"]), "", "", ""});
  }
  return table;
}

// What the table's columns mean, of those that it has.
std::string legend(const ordered_json& comparisons) {
  bool has_t = false, has_clusters = false;
  const ordered_json* kept = nullptr;
  for (const auto& one : comparisons) {
    has_t = has_t || one["test"] != "mcnemar-exact";
    has_clusters = has_clusters || one.contains("clustered");
    if (one.contains("equivalence")) kept = &one["equivalence"];
  }
  std::string text = "In brackets: 95 % interval of the paired difference";
  text += has_clusters ? "; below it that over so many clusters (cl.)\nof near-duplicate prompts.\n" : ".\n";
  text += "p: exact McNemar";
  text += has_t ? ", or Student's t over items where an item has several answers or a score.\n" : ".\n";
  text += "p Holm: adjusted for the number of tests in this output, " + std::to_string(comparisons.size()) + ".\n";
  if (kept != nullptr)
    text += "kept: whether less than " + format_number("%g", 100 * (*kept)["margin"].get<double>()) +
            " points were lost or gained (two one-sided score tests at 5 %).\n";
  return text;
}

std::string comparison_text(const ordered_json& result) {
  if (result["is_comparable"] == false)
    return "Not comparable. The runs differ in:\n" + differences_text(result) +
           "Where that is what you want to compare, say so: --allow NAME for each.\n";
  std::string head;
  if (!result["differences"].empty())
    head = "Compared although the runs differ in:\n" + differences_text(result) + "\n";
  if (result["comparisons"].empty())
    return head + lone_text(result) + "The runs have no answer to the same item: nothing to compare.\n";
  return head + comparison_table(result["comparisons"]).text() + lone_text(result) + legend(result["comparisons"]);
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
