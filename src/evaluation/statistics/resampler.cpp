#include "evaluation/statistics/resampler.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/error.h"
#include "evaluation/statistics/distributions.h"

namespace holdfast::evaluation {
namespace {

// Calls `add` with the unit of each of `units` draws.  Two come out of 64 bits by multiplication: each unit's share is
// right to units / 2^32.
template <typename Add>
void draw_each(Random& random, std::int64_t units, const Add& add) {
  const auto bound = static_cast<std::uint64_t>(units);
  for (std::int64_t i = 0; i + 1 < units; i += 2) {
    const std::uint64_t bits = random.bits();
    add((bits >> 32) * bound >> 32);
    add((bits & 0xffffffffu) * bound >> 32);
  }
  if (units % 2 == 1) add((random.bits() >> 32) * bound >> 32);
}

}  // namespace

std::int64_t draw_binomial(Random& random, std::int64_t n, double p) {
  HOLDFAST_ASSERT(n >= 0 && 0 <= p && p <= 1);
  if (n == 0 || p == 0) return 0;
  if (p == 1) return n;
  if (p > 0.5) return n - draw_binomial(random, n, 1 - p);
  const double odds = p / (1 - p);
  const std::int64_t mode = static_cast<std::int64_t>(static_cast<double>(n + 1) * p);
  std::int64_t below = mode, above = mode;
  double left = binomial_pmf(mode, n, p), right = left;
  double rest = random.uniform() - left;
  while (rest >= 0) {
    const double next_left =
        below > 0 ? left * static_cast<double>(below) / (static_cast<double>(n - below + 1) * odds) : 0;
    const double next_right =
        above < n ? right * static_cast<double>(n - above) * odds / static_cast<double>(above + 1) : 0;
    if (next_left == 0 && next_right == 0) return mode;  // what rounding left over
    if (next_left >= next_right) {
      --below;
      left = next_left;
      rest -= left;
      if (rest < 0) return below;
    } else {
      ++above;
      right = next_right;
      rest -= right;
      if (rest < 0) return above;
    }
  }
  return mode;
}

Resampler::Resampler(std::span<const double> rows, std::size_t width) : width_(width) {
  HOLDFAST_ASSERT(width > 0 && rows.size() % width == 0);
  units_ = static_cast<std::int64_t>(rows.size() / width);
  std::vector<std::uint32_t> order(static_cast<std::size_t>(units_));
  std::iota(order.begin(), order.end(), 0u);
  const auto row = [&](std::uint32_t unit) { return rows.subspan(unit * width, width); };
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return std::ranges::lexicographical_compare(row(a), row(b)); });
  which_.resize(order.size());
  for (const std::uint32_t unit : order) {
    if (counts_.empty() || !std::ranges::equal(row(unit), kind(counts_.size() - 1))) {
      kinds_.insert(kinds_.end(), row(unit).begin(), row(unit).end());
      counts_.push_back(0);
    }
    ++counts_.back();
    which_[unit] = static_cast<std::uint32_t>(counts_.size() - 1);
  }
  const double most = 2147483647.0 / static_cast<double>(std::max<std::int64_t>(1, units_));
  const bool is_whole = width <= std::size(WholeRow{}.numbers) && std::ranges::all_of(kinds_, [&](double value) {
                          return std::abs(value) <= most && value == std::trunc(value);
                        });
  if (!is_whole) return;
  whole_.resize(kinds());
  for (std::size_t i = 0; i < kinds(); ++i) {
    for (std::size_t j = 0; j < width; ++j) whole_[i].numbers[j] = static_cast<std::int32_t>(kind(i)[j]);
  }
}

std::vector<double> Resampler::totals() const {
  std::vector<double> sums(width_);
  for (std::size_t i = 0; i < kinds(); ++i) {
    for (std::size_t j = 0; j < width_; ++j) sums[j] += static_cast<double>(counts_[i]) * kind(i)[j];
  }
  return sums;
}

void Resampler::draw(Random& random, std::span<double> sums) const {
  HOLDFAST_ASSERT(sums.size() == width_ && units_ > 0);
  std::ranges::fill(sums, 0);
  // A binomial draw costs as much as about fifty single ones.
  if (static_cast<std::int64_t>(kinds()) * 50 < units_) {
    draw_kinds(random, sums);
  } else {
    draw_units(random, sums);
  }
}

// The multinomial draw, a kind after the other: binomial among what is left.
void Resampler::draw_kinds(Random& random, std::span<double> sums) const {
  std::int64_t left = units_, rest = units_;
  for (std::size_t i = 0; i < kinds() && left > 0; ++i) {
    const double share = static_cast<double>(counts_[i]) / static_cast<double>(rest);
    const double drawn = static_cast<double>(draw_binomial(random, left, std::min(1.0, share)));
    for (std::size_t j = 0; j < width_; ++j) sums[j] += drawn * kind(i)[j];
    left -= static_cast<std::int64_t>(drawn);
    rest -= counts_[i];
  }
}

void Resampler::draw_units(Random& random, std::span<double> sums) const {
  if (!whole_.empty()) return draw_whole(random, sums);
  draw_each(random, units_, [&](std::uint64_t unit) {
    const double* row = kinds_.data() + which_[unit] * width_;
    for (std::size_t j = 0; j < width_; ++j) sums[j] += row[j];
  });
}

// Whole numbers add up to the same in any order and type: one vector a row instead of a chain of sums a column.
void Resampler::draw_whole(Random& random, std::span<double> sums) const {
  using Lanes [[gnu::vector_size(16)]] = std::int32_t;
  static_assert(sizeof(WholeRow) == 2 * sizeof(Lanes));
  Lanes first = {}, second = {};
  draw_each(random, units_, [&](std::uint64_t unit) {
    Lanes row[2];
    std::memcpy(row, whole_.data() + which_[unit], sizeof row);
    first += row[0];
    second += row[1];
  });
  WholeRow total;
  std::memcpy(total.numbers, &first, sizeof first);
  std::memcpy(total.numbers + 4, &second, sizeof second);
  for (std::size_t j = 0; j < width_; ++j) sums[j] = static_cast<double>(total.numbers[j]);
}

double sorted_quantile(std::span<const double> sorted, double q) {
  HOLDFAST_ASSERT(!sorted.empty() && 0 <= q && q <= 1);
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto index = static_cast<std::size_t>(place);
  if (index + 1 >= sorted.size()) return sorted.back();
  return sorted[index] + (place - static_cast<double>(index)) * (sorted[index + 1] - sorted[index]);
}

}  // namespace holdfast::evaluation
