// plan: what a plan will do, how long it takes and what it costs, before any of it is done
#include <cstdio>
#include <iostream>

#include "assessment/forecast.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "commands.h"
#include "text_table.h"

namespace holdfast::apps {
namespace {

using nlohmann::ordered_json;

struct PlanCommandFlags {
  std::string plan;
  std::vector<std::string> overrides, devices;
  bool skips_calibration = false;
};

// 1234567 as 1,234,567.
std::string count_text(std::int64_t count) {
  std::string digits = std::to_string(count);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<std::size_t>(i), ",");
  return digits;
}
std::string count_text(const ordered_json& count) { return count_text(count.get<std::int64_t>()); }

std::string duration_text(double seconds) {
  if (seconds < 100) return format_number(seconds < 10 ? "%.1f s" : "%.0f s", seconds);
  if (seconds < 6000) return format_number("%.0f min", seconds / 60);
  return format_number("%.1f h", seconds / 3600);
}

std::string memory_text(const ordered_json& bytes) {
  const double gb = bytes.get<double>() / 1e9;
  return format_number(gb < 10 ? "%.2f GB" : "%.0f GB", gb);
}

std::string money_text(double usd) { return format_number(usd < 10 ? "%.2f" : "%.0f", usd) + " US dollars"; }

std::string list_text(const ordered_json& numbers) {
  std::string list;
  for (const auto& one : numbers) list += (list.empty() ? "" : " ") + one.dump();
  return list;
}

void row(const char* name, const std::string& value) {
  std::cout << std::string(name).append(22 - std::min<std::size_t>(21, std::string(name).size()), ' ') << value << '\n';
}

void print_arms(const ordered_json& forecast) {
  TextTable table({{"arm", false, true},
                   {"kind"},
                   {"runs", true},
                   {"rows", true},
                   {"training tokens", true},
                   {"measured at steps", false, true}});
  for (const auto& arm : forecast["arms"])
    table.add({arm["name"], arm["kind"], arm["runs"].dump(), arm.contains("rows") ? count_text(arm["rows"]) : "",
               arm.contains("training_tokens") ? count_text(arm["training_tokens"]) : "",
               list_text(arm["checkpoints"])});
  if (!table.is_empty()) std::cout << table.text() << '\n';
}

void print_benchmarks(const ordered_json& forecast) {
  TextTable table({{"benchmark", false, true},
                   {"kind"},
                   {"items", true},
                   {"samples", true},
                   {"cells", true},
                   {"answers", true},
                   {"finds", true}});
  for (const auto& one : forecast["benchmarks"]) {
    const bool has = one.contains("minimum_detectable");
    table.add({one["name"], one["kind"], count_text(one["items"]), one["samples"].dump(), one["cells"].dump(),
               count_text(one["answers"]),
               has ? format_number("%.1f points", 100 * one["minimum_detectable"].get<double>()) : ""});
  }
  std::cout << table.text()
            << "finds: the smallest change of a rate of 95 % that one cell shows with 80 % power (two-sided 5 %)\n\n";
}

void print_totals(const ordered_json& forecast) {
  const auto& tokens = forecast["tokens"];
  row("cells", count_text(forecast["cells"]) + " (arm, seed and step; " +
                   (forecast["models"] == 2 ? "two untouched models" : "the untouched model") + " among them), " +
                   count_text(forecast["measurements"]) + " with each benchmark");
  row("answers", count_text(forecast["answers"]));
  std::string words = count_text(tokens["prompt"]) + " of prompts, ";
  words += tokens.contains("answer") ? "about " + count_text(tokens["answer"]) + " of answers (at most " +
                                           count_text(tokens["most_answer"]) + "), "
                                     : "at most " + count_text(tokens["most_answer"]) + " of answers, ";
  row("tokens", words + count_text(tokens["scored"]) + " scored, " + count_text(tokens["training"]) + " trained");
  if (forecast.contains("confirmation"))
    row("confirmation",
        forecast["confirmation"]["runs"].dump() + " more runs of the worst cell with fresh seeds, at most " +
            count_text(forecast["confirmation"]["most_training_tokens"]) + " training tokens (counted above)");
  for (const auto& one : forecast.value("judging", ordered_json::array()))
    row("judging", one["judge"].get<std::string>() + " (" + one["kind"].get<std::string>() +
                       "): " + count_text(one["answers"]) + " answers, about " + count_text(one["prompt_tokens"]) +
                       " tokens in, at most " + count_text(one["most_output_tokens"]) + " out" +
                       (one.contains("usd") ? ", " + money_text(one["usd"]) : ""));
  row("memory", memory_text(forecast["memory"]["peak_bytes"]) + " at the peak" +
                    (forecast.contains("calibration")
                         ? ", " + memory_text(forecast["calibration"]["peak_memory_bytes"]) + " in the calibration"
                         : ""));
}

void print_times(const ordered_json& forecast) {
  if (!forecast.contains("seconds")) {
    row("time", "not estimated (--no-calibration)");
    return;
  }
  const auto& seconds = forecast["seconds"];
  const auto text = [&](const char* key) { return duration_text(seconds[key].get<double>()); };
  row("time, this machine",
      "about " + text("all") + ", at most " + text("most") + " if every answer is as long as it may be");
  row("", "load " + text("load") + ", train " + text("train") + ", generate " + text("generate") + ", score " +
              text("score") + ", judge " + text("judge"));
  if (forecast.contains("usd"))
    row("money", "about " + money_text(forecast["usd"]["all"]) + ", at most " + money_text(forecast["usd"]["most"]));
  const auto& calibration = forecast["calibration"];
  std::string reckoned;
  for (const auto& one : calibration["benchmarks"]) {
    if (!one["whole_wave"].get<bool>()) reckoned += (reckoned.empty() ? "" : ", ") + one["name"].get<std::string>();
  }
  if (calibration.contains("whole_step") && !calibration["whole_step"].get<bool>())
    reckoned += (reckoned.empty() ? "" : ", ") + std::string("training");
  row("", "from a calibration of " + duration_text(calibration["seconds"].get<double>()) +
              (reckoned.empty() ? ", a whole wave of each"
                                : "; reckoned from less than a whole wave or step: " + reckoned));
}

void print_three_of_each(const ordered_json& forecast) {
  if (!forecast.contains("three_of_each")) return;
  const auto& more = forecast["three_of_each"];
  std::string text =
      count_text(more["answers"]) + " answers, " + count_text(more["training_tokens"]) + " tokens trained";
  if (more.contains("seconds"))
    text += ", about " + duration_text(more["seconds"].get<double>()) + " instead of " +
            duration_text(forecast["seconds"]["all"].get<double>());
  row("three of each", text);
  row("",
      "three training seeds and three answers a prompt, the fewest whose spread can be told: preset = "
      "\"standard\",");
  row("", "or seeds = [1, 2, 3] of each [[arm]] and samples = 3, temperature = 0.7 of [generation]");
}

void print_devices(const ordered_json& forecast) {
  if (!forecast.contains("devices")) return;
  TextTable table({{"device", false, true},
                   {"memory", true},
                   {"fits"},
                   {"train", true},
                   {"generate", true},
                   {"score", true},
                   {"judge", true},
                   {"all", true},
                   {"US dollars", true}});
  for (const auto& one : forecast["devices"]) {
    const auto time = [&](const char* key) {
      return one.contains(key) ? duration_text(one[key].get<double>()) : std::string();
    };
    table.add({one["device"], memory_text(one["memory_bytes"]), one["fits_one_device"].get<bool>() ? "yes" : "no",
               time("train_seconds"), time("generate_seconds"), time("score_seconds"), time("judge_seconds"),
               time("seconds"), one.contains("usd") ? format_number("%.2f", one["usd"].get<double>()) : ""});
  }
  std::cout << '\n' << table.text();
  std::cout << "assumed, of " << forecast["devices"][0]["device"].get<std::string>() << ":\n";
  for (const auto& line : forecast["devices"][0]["assumptions"]) std::cout << "  " << line.get<std::string>() << '\n';
}

void print_forecast(const ordered_json& forecast) {
  std::cout << forecast["plan"].get<std::string>();
  if (forecast.contains("preset")) std::cout << " (preset " << forecast["preset"].get<std::string>() << ")";
  std::cout << "\n\n";
  print_arms(forecast);
  print_benchmarks(forecast);
  print_totals(forecast);
  print_times(forecast);
  print_three_of_each(forecast);
  print_devices(forecast);
  for (const auto& warning : forecast["warnings"]) std::cout << "warning: " << warning.get<std::string>() << '\n';
}

}  // namespace

void add_plan_command(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto flags = std::make_shared<PlanCommandFlags>();
  auto* command = app.add_subcommand("plan", "what a plan will do, how long it takes and what it costs");
  command->add_option("plan", flags->plan, "TOML file")->required();
  command->add_option("--set", flags->overrides, "table.key=value of the plan; repeatable");
  command->add_option(
      "--device", flags->devices,
      "reckon for this device too: a shipped one's name, or a TOML file with [[device]] tables; repeatable");
  command->add_flag("--no-calibration", flags->skips_calibration, "count only; load no model, estimate no time");
  command->add_option("--threads", common->threads, "threads of arithmetic (default: all cores)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--quiet", common->quiet, "no notes");
  command->add_flag("--json", common->json, "as JSON");
  command->callback([=] {
    apply_common(*common);
    stop_on_signals();
    assessment::ForecastOptions options{.times = !flags->skips_calibration};
    for (const std::string& word : flags->devices) {
      for (auto& device : assessment::find_devices(word)) options.devices.push_back(std::move(device));
    }
    const auto forecast = assessment::forecast(assessment::read_plan(flags->plan, flags->overrides), options);
    if (common->json)
      std::cout << forecast.dump(2) << '\n';
    else
      print_forecast(forecast);
  });
}

}  // namespace holdfast::apps
