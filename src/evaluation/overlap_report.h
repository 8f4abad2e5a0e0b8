// Overlap between training rows and benchmarks as a run needs it: which texts are compared, and what the overlapping
// items do to the rates that were measured.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "evaluation/benchmark.h"
#include "evaluation/overlap.h"
#include "text/conversations.h"

namespace holdfast::evaluation {

// Every text of a training row by itself: each message's content, plain text, a completion.  The row is its line.
std::vector<TrainingText> training_texts(std::span<const text::Conversation> rows);

// What an item asks: its prompt, or the context before the choices.
std::vector<std::string> item_texts(const Benchmark& benchmark);

struct BenchmarkOverlap {
  std::string benchmark;
  std::size_t num_items = 0;
  std::vector<ItemOverlap> found;
  std::vector<std::string> ids;  // of the items found, in their order
};
std::vector<BenchmarkOverlap> overlap_with(std::span<const Benchmark> benchmarks,
                                           std::span<const TrainingText> training, const OverlapOptions& options = {});

// A rate of a run's items.csv over all items that were scored, and over those that the training data does not hold.
struct OverlapRate {
  std::string arm, step, benchmark, judge;
  bool is_correct = false;  // the share of right answers; else that of refusals
  std::int64_t k = 0, n = 0, k_without = 0, n_without = 0;
};
// `overlapping`: a benchmark's name -> ids of items.  Rates of other benchmarks are left out; seeds and samples are
// pooled.  Throws Error(kBadFile) naming the line and the column that is missing, and for ids that the file lacks.
std::vector<OverlapRate> rates_without(const std::filesystem::path& items_csv,
                                       const std::map<std::string, std::set<std::string>>& overlapping);

}  // namespace holdfast::evaluation
