#include "assessment/overlap_scan.h"

#include <algorithm>
#include <map>

#include "evaluation/overlap_report.h"

namespace holdfast::assessment {
namespace {

using evaluation::kNumOverlaps;
using nlohmann::ordered_json;

std::vector<std::string> data_of(const ArmPlan& arm) {
  std::vector<std::string> paths;
  if (!arm.data.empty()) paths.push_back(arm.data);
  for (const DataPart& part : arm.mixture) paths.push_back(part.path);
  return paths;
}

ordered_json counts_of(const evaluation::BenchmarkOverlap& overlap) {
  ordered_json counts = {
      {"benchmark", overlap.benchmark}, {"items", overlap.num_items}, {"overlapping", overlap.found.size()}};
  for (std::size_t kind = 0; kind < kNumOverlaps; ++kind)
    counts[evaluation::overlap_name(static_cast<evaluation::Overlap>(kind))] =
        std::count_if(overlap.found.begin(), overlap.found.end(),
                      [&](const evaluation::ItemOverlap& item) { return item.hits[kind].has_value(); });
  return counts;
}

}  // namespace

ordered_json overlap_of(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks) {
  std::vector<evaluation::Benchmark> loaded;
  for (const LoadedBenchmark& one : benchmarks) loaded.push_back(one.benchmark);
  std::map<std::vector<std::string>, ordered_json> known;  // arms of a grid share their data
  ordered_json list = ordered_json::array();
  for (const ArmPlan& arm : plan.arms) {
    const auto paths = data_of(arm);
    if (arm.steps == 0 || paths.empty()) continue;
    const auto [place, is_new] = known.try_emplace(paths, ordered_json::array());
    if (is_new) {
      std::vector<evaluation::TrainingText> texts;
      for (const std::string& path : paths)
        for (auto& text : evaluation::training_texts(text::read_conversations(path))) texts.push_back(std::move(text));
      for (const auto& overlap : evaluation::overlap_with(loaded, texts)) place->second.push_back(counts_of(overlap));
    }
    for (const auto& counts : place->second) {
      ordered_json entry = {{"arm", arm.name}};
      entry.update(counts);
      list.push_back(std::move(entry));
    }
  }
  return list;
}

void add_overlap(const Journal& journal, ordered_json& results) {
  ordered_json overlap = journal.overlap();
  if (overlap.is_null() || overlap.empty()) return;
  for (const auto& one : overlap) {
    if (one["overlapping"] == 0) continue;
    results["verdict"]["flags"].push_back("The data of " + one["arm"].get<std::string>() + " holds " +
                                          one["overlapping"].dump() + " of the " + one["items"].dump() + " items of " +
                                          one["benchmark"].get<std::string>() + " (" + one["exact"].dump() +
                                          " word for word): such answers may be memory");
  }
  results["overlap"] = std::move(overlap);
}

}  // namespace holdfast::assessment
