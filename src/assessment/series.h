// Series: what one judge made of one benchmark's answers in one cell, and two of them item by item.
//
// A series is small (24 bytes an answer), so that runs of many answers are counted in one pass over the journal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "assessment/journal.h"
#include "evaluation/statistics.h"

namespace holdfast::assessment {

// One answer's verdict, as it is counted.
struct Mark {
  std::int32_t sample = 0, position = 0;  // of the answer, and of its item in the benchmark
  evaluation::Outcome outcome = evaluation::Outcome::kUnscored;
  bool counts = false;  // towards k: a refusal, or a right answer
  bool is_scored() const { return outcome != evaluation::Outcome::kUnscored; }
};

struct SeriesKey {
  std::string benchmark, metric, judge;
  auto operator<=>(const SeriesKey&) const = default;
};

struct Tally {
  std::int64_t k = 0, n = 0, unscored = 0, degenerate = 0;  // n: scored answers, degenerate ones among them
};

struct Series {
  SeriesKey key;
  std::vector<Mark> marks;  // by sample, then position
  Tally tally;
};

struct CellSeries {
  CellKey cell;
  std::vector<Series> series;  // in plan order
  const Series* find(const SeriesKey& key) const;
};

// Of all cells of a run, in plan order.  `kinds`: the benchmarks' kinds, as the identity of a run has them.
std::vector<CellSeries> read_series(const Journal& journal, const nlohmann::ordered_json& kinds);

// Pairs of answers to the same item and sample that both were scored.  `after_position[i]`: where the item at
// position i of `before` stands in `after`, -1 nowhere; null: in the same place.
evaluation::PairedCounts pair_series(const Series& before, const Series& after,
                                     const std::vector<std::int64_t>* after_position = nullptr);

// The comparison of two series as results.json has it from "before" on (COMMANDS); null without a pair.
nlohmann::ordered_json compare_pairs(const evaluation::PairedCounts& pairs);

}  // namespace holdfast::assessment
