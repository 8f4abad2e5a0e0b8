// overlap
#include <cstdio>
#include <iostream>

#include "base/error.h"
#include "commands.h"
#include "evaluation/overlap_report.h"
#include "evaluation/statistics.h"
#include "option_checks.h"

namespace holdfast::apps {
namespace {

using evaluation::kNumOverlaps;
using evaluation::Overlap;
using nlohmann::ordered_json;

struct Flags {
  std::string data, run;
  std::vector<std::string> benchmarks;
  evaluation::OverlapOptions options;
};

const char* name_of(std::size_t kind) { return evaluation::overlap_name(static_cast<Overlap>(kind)); }

ordered_json rate_json(std::int64_t k, std::int64_t n) {
  ordered_json json = {{"k", k}, {"n", n}};
  if (n == 0) return json;
  const auto interval = evaluation::wilson(k, n);
  json["value"] = static_cast<double>(k) / static_cast<double>(n);
  json["low"] = interval.low;
  json["high"] = interval.high;
  return json;
}

ordered_json overlap_json(const evaluation::BenchmarkOverlap& overlap) {
  ordered_json json = {
      {"benchmark", overlap.benchmark}, {"items", overlap.num_items}, {"overlapping", overlap.ids.size()}};
  for (std::size_t kind = 0; kind < kNumOverlaps; ++kind) {
    std::size_t count = 0;
    for (const auto& item : overlap.found) count += item.hits[kind].has_value();
    json["kinds"][name_of(kind)] = count;
  }
  json["found"] = ordered_json::array();
  for (std::size_t i = 0; i < overlap.found.size(); ++i) {
    ordered_json item = {{"item", overlap.ids[i]}, {"kind", evaluation::overlap_name(overlap.found[i].kind())}};
    for (std::size_t kind = 0; kind < kNumOverlaps; ++kind) {
      if (const auto& hit = overlap.found[i].hits[kind])
        item[name_of(kind)] = {{"row", hit->row}, {"similarity", hit->similarity}};
    }
    json["found"].push_back(std::move(item));
  }
  return json;
}

std::string percent(const ordered_json& rate) {
  if (!rate.contains("value")) return "none of 0";
  char text[96];
  std::snprintf(text, sizeof text, "%.1f %% (%lld/%lld, %.1f to %.1f)", 100 * rate["value"].get<double>(),
                rate["k"].get<long long>(), rate["n"].get<long long>(), 100 * rate["low"].get<double>(),
                100 * rate["high"].get<double>());
  return text;
}

void print_table(const ordered_json& result) {
  for (const auto& one : result["benchmarks"]) {
    std::cout << one["benchmark"].get<std::string>() << ": " << one["overlapping"] << " of " << one["items"]
              << " items stand in the training data";
    for (const auto& [kind, count] : one["kinds"].items())
      std::cout << (kind == "exact" ? " (" : ", ") << kind << ' ' << count;
    std::cout << ")\n";
    for (const auto& item : one["found"]) {
      const std::string kind = item["kind"].get<std::string>();
      char similarity[16];
      std::snprintf(similarity, sizeof similarity, "%.2f", item[kind]["similarity"].get<double>());
      std::cout << "  item " << item["item"].get<std::string>() << ": " << kind << ' ' << similarity << ", line "
                << item[kind]["row"] << '\n';
    }
  }
  for (const auto& rate : result.value("rates", ordered_json::array())) {
    std::cout << rate["arm"].get<std::string>() << ", step " << rate["step"].get<std::string>() << ", "
              << rate["benchmark"].get<std::string>() << ", " << rate["metric"].get<std::string>() << " ("
              << rate["judge"].get<std::string>() << "): " << percent(rate["all"]) << "; without overlapping items "
              << percent(rate["without"]) << '\n';
  }
}

void overlap(const Flags& flags, const Common& common) {
  const auto training = evaluation::training_texts(text::read_conversations(flags.data));
  ordered_json result = {{"data", flags.data}, {"benchmarks", ordered_json::array()}};
  std::map<std::string, std::set<std::string>> overlapping;
  for (const std::string& option : flags.benchmarks) {
    auto spec = evaluation::parse_benchmark_option(option);
    spec.shots = 0;  // the item's own words
    const auto benchmarks = evaluation::load_benchmark(spec);
    for (const auto& one : evaluation::overlap_with(benchmarks, training, flags.options)) {
      result["benchmarks"].push_back(overlap_json(one));
      overlapping[one.benchmark].insert(one.ids.begin(), one.ids.end());
    }
  }
  if (!flags.run.empty()) {
    result["rates"] = ordered_json::array();
    for (const auto& rate : evaluation::rates_without(std::filesystem::path(flags.run) / "items.csv", overlapping)) {
      result["rates"].push_back({{"arm", rate.arm},
                                 {"step", rate.step},
                                 {"benchmark", rate.benchmark},
                                 {"judge", rate.judge},
                                 {"metric", rate.is_correct ? "accuracy" : "refusal"},
                                 {"all", rate_json(rate.k, rate.n)},
                                 {"without", rate_json(rate.k_without, rate.n_without)}});
    }
  }
  if (common.json)
    std::cout << result.dump(2) << '\n';
  else
    print_table(result);
}

}  // namespace

void add_overlap_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("overlap", "which benchmark items stand in the training data");
  const auto flags = std::make_shared<Flags>();
  const auto common = std::make_shared<Common>();
  command->add_option("--data", flags->data, "training rows")->required();
  command->add_option("--benchmark", flags->benchmarks, "NAME[:KIND]=PATH; repeatable")->required();
  command->add_option("--run", flags->run, "a run's directory: its rates with and without the overlapping items");
  command->add_option("--ngram", flags->options.ngram, "words in a row that count")
      ->capture_default_str()
      ->check(whole_number(1));
  command->add_option("--near", flags->options.near, "least Jaccard similarity of the words")->capture_default_str();
  add_quiet(*command);
  command->add_flag("--json", common->json, "JSON instead of a table");
  command->callback([flags, common] { overlap(*flags, *common); });
}

}  // namespace holdfast::apps
