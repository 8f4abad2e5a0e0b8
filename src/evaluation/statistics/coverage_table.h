// The table that coverage.cpp and its neighbours fill, a simulated setting a row.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "evaluation/statistics/coverage.h"
#include "evaluation/statistics/interval.h"

namespace holdfast::evaluation::coverage {

inline bool holds(const Interval& interval, double truth) { return interval.low <= truth && truth <= interval.high; }

class Table {
 public:
  explicit Table(const CoverageOptions& options) : options_(options) {}

  // `try_once` draws one data set and says whether the interval held the truth.  With a note the method claims nothing.
  void add(const std::string& method, const std::string& setting, const std::function<bool(Random&)>& try_once,
           const std::string& note = "");

  const CoverageOptions& options() const { return options_; }
  std::vector<CoverageRow> take() { return std::move(rows_); }

 private:
  CoverageOptions options_;
  std::vector<CoverageRow> rows_;
};

// Kaplan and Meier's curve at a time, and its median.
void add_survival(Table& table);
// Means over groups of which each has a rate of its own.
void add_strata(Table& table);
// Judges measured on labels of a queue, which shows more of the answers that judges disagree on.
void add_drawn_labels(Table& table);

}  // namespace holdfast::evaluation::coverage
