// Bootstrap draws: sums of rows drawn with replacement.
//
// A statistic that is a function of sums over independent units (prompts, or clusters of prompts) needs of each draw
// only the sums.  Rows that are equal are kept once with their number: where there are few kinds of rows, as in data of
// zeros and ones, a draw is one multinomial draw over the kinds, and costs the same for a hundred units and a million.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"

namespace holdfast::evaluation {

// A draw from the binomial distribution: inversion outward from the mode, sqrt(n p q) steps; the same numbers on every
// machine.  REQUIRES: n >= 0, 0 <= p <= 1.
std::int64_t draw_binomial(Random& random, std::int64_t n, double p);

class Resampler {
 public:
  // `rows` holds units x width numbers.  REQUIRES: width >= 1, rows.size() a multiple of it.
  Resampler(std::span<const double> rows, std::size_t width);

  std::size_t width() const { return width_; }
  std::int64_t units() const { return units_; }
  std::size_t kinds() const { return counts_.size(); }
  // Sums over the data as it is.
  std::vector<double> totals() const;
  // Sums over as many rows, drawn with replacement.  REQUIRES: sums.size() = width(); units() > 0.
  void draw(Random& random, std::span<double> sums) const;

  std::span<const double> kind(std::size_t index) const { return {kinds_.data() + index * width_, width_}; }
  std::int64_t count(std::size_t index) const { return counts_[index]; }

 private:
  void draw_kinds(Random& random, std::span<double> sums) const;
  void draw_units(Random& random, std::span<double> sums) const;
  void draw_whole(Random& random, std::span<double> sums) const;

  // Up to eight whole numbers, which are added at once.
  struct alignas(16) WholeRow {
    std::int32_t numbers[8] = {};
  };

  std::size_t width_;
  std::int64_t units_;
  std::vector<double> kinds_;         // each distinct row once, sorted
  std::vector<std::int64_t> counts_;  // how often it occurs
  std::vector<std::uint32_t> which_;  // each unit's row in kinds_, where units are drawn one by one
  std::vector<WholeRow> whole_;       // kinds_, where sums of whole numbers cannot overflow; else empty
};

// The value below which a share q of `sorted` lies, interpolated as numpy.quantile does.  REQUIRES: not empty.
double sorted_quantile(std::span<const double> sorted, double q);

}  // namespace holdfast::evaluation
