#include "training/mixture.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace holdfast::training {
namespace {

// Streams of the seed: those of epochs (RowSequence) and of fresh adapters are small numbers.
constexpr std::uint64_t kFirstStream = 0x6d69'7874'0000'0000;

std::int64_t size_of(const MixturePart& part) { return static_cast<std::int64_t>(part.dataset.rows.size()); }

// The numbers of `count` rows out of `size`, in ascending order.
std::vector<std::size_t> drawn_rows(std::int64_t size, std::int64_t count, Random random) {
  std::vector<std::size_t> rows(static_cast<std::size_t>(size));
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  random.shuffle(std::span<std::size_t>(rows));
  rows.resize(static_cast<std::size_t>(count));
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

std::vector<std::int64_t> mixture_counts(std::span<const MixturePart> parts, std::int64_t num_rows) {
  HOLDFAST_ASSERT(!parts.empty());
  double sum = 0;
  for (const MixturePart& part : parts) sum += part.weight;
  if (num_rows == 0) {
    double most = std::numeric_limits<double>::infinity();
    // A product such as 0.9 * 1000 / 0.9 lies a rounding below the whole number that is meant.
    for (const MixturePart& part : parts)
      most = std::min(most, static_cast<double>(size_of(part)) * sum / part.weight * (1 + 1e-12));
    num_rows = static_cast<std::int64_t>(most);
  }
  std::vector<std::int64_t> counts;
  std::vector<double> remainders;
  std::int64_t left = num_rows;
  for (const MixturePart& part : parts) {
    const double share = static_cast<double>(num_rows) * part.weight / sum;
    counts.push_back(static_cast<std::int64_t>(share * (1 + 1e-12)));
    remainders.push_back(share - static_cast<double>(counts.back()));
    left -= counts.back();
  }
  std::vector<std::size_t> order(parts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // Remainders that differ by a rounding are equal ones.
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::llround(remainders[a] * 1e9) > std::llround(remainders[b] * 1e9);
  });
  for (std::size_t i = 0; i < static_cast<std::size_t>(left); ++i) ++counts[order[i % order.size()]];
  for (std::size_t i = 0; i < parts.size(); ++i) {
    HOLDFAST_CHECK(kBadInput, counts[i] > 0, "[train] ", parts[i].name, ": found a weight of ", parts[i].weight,
                   " that is no row of ", num_rows, ", expected at least one; try more data_rows or a larger weight");
    HOLDFAST_CHECK(kBadInput, counts[i] <= size_of(parts[i]), "[train] ", parts[i].name, ": found ", size_of(parts[i]),
                   " rows with an answer, expected ", counts[i], " to draw from; try fewer data_rows");
  }
  return counts;
}

Dataset draw_mixture(std::vector<MixturePart> parts, std::int64_t num_rows, std::uint64_t seed) {
  const auto counts = mixture_counts(parts, num_rows);
  Dataset mixture;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Dataset& dataset = parts[i].dataset;
    for (const std::size_t row : drawn_rows(size_of(parts[i]), counts[i], Random(seed, kFirstStream + i)))
      mixture.rows.push_back(std::move(dataset.rows[row]));
    mixture.num_cut += dataset.num_cut;
    mixture.num_without_targets += dataset.num_without_targets;
  }
  return mixture;
}

}  // namespace holdfast::training
