// Series: what one judge made of one benchmark's answers in one cell, and two of them item by item.
//
// A series is small (a byte an answer), so that runs of many answers are counted in one pass over the journal.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "assessment/journal.h"
#include "assessment/marks.h"

namespace holdfast::assessment {

struct SeriesKey {
  std::string benchmark, metric, judge;
  auto operator<=>(const SeriesKey&) const = default;
};

struct Tally {
  double k = 0;                                      // sum of values: a count, unless the series holds scores
  std::int64_t n = 0, unscored = 0, degenerate = 0;  // n: scored answers, degenerate ones among them
  std::map<std::string, std::int64_t> unscored_for, degenerate_for;  // by reason
};

struct Series {
  SeriesKey key;
  bool has_scores = false;  // values between 0 and 1, else 0 or 1
  bool has_parts = false;   // some answer has several marks
  Marks marks;              // by sample, then position
  Tally tally;
};

struct CellSeries {
  CellKey cell;
  std::vector<Series> series;  // in plan order
  const Series* find(const SeriesKey& key) const;
};

// Of all cells of a run, in plan order.  `kinds`: the benchmarks' kinds, as the identity of a run has them.  `also`
// sees each row on the way.
std::vector<CellSeries> read_series(const Journal& journal, const nlohmann::ordered_json& kinds,
                                    const std::function<void(const ItemRow&)>& also = {});

// Two answers to the same item and sample, or the same part of two, both scored.
struct Pair {
  std::int64_t position = 0;  // of the item in the first's benchmark
  double before = 0, after = 0;
};

// `after_position[i]`: where the item at position i of `before` stands in `after`, -1 nowhere; null: in the same place.
std::vector<Pair> pair_series(const Series& before, const Series& after,
                              const std::vector<std::int64_t>* after_position = nullptr);

}  // namespace holdfast::assessment
