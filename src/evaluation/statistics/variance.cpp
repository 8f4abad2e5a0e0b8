#include "evaluation/statistics/variance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "evaluation/statistics/distributions.h"

namespace holdfast::evaluation {
namespace {

// The values of the complete prompts: one after the other, within it the seeds, within them the samples.
struct Balanced {
  std::size_t prompts = 0, seeds = 0, samples = 0;
  std::vector<double> values;
  std::int64_t left_out = 0;
};

Balanced balance(std::span<const Observation> observations) {
  std::set<std::int32_t> prompt_set, seed_set;
  for (const auto& one : observations) {
    prompt_set.insert(one.prompt);
    seed_set.insert(one.seed);
  }
  const std::vector<std::int32_t> prompts(prompt_set.begin(), prompt_set.end());
  const std::vector<std::int32_t> seeds(seed_set.begin(), seed_set.end());
  const auto place_in = [](const std::vector<std::int32_t>& list, std::int32_t number) {
    return static_cast<std::size_t>(std::ranges::lower_bound(list, number) - list.begin());
  };
  const auto cell_of = [&](const Observation& one) {
    return place_in(prompts, one.prompt) * seeds.size() + place_in(seeds, one.seed);
  };
  std::vector<std::uint32_t> counts(prompts.size() * seeds.size());  // of a cell's samples, then of those placed
  for (const auto& one : observations) ++counts[cell_of(one)];
  Balanced data;
  data.seeds = seeds.size();
  data.samples = counts.empty() ? 0 : std::ranges::max(counts);
  constexpr std::size_t kLeftOut = ~std::size_t{0};
  std::vector<std::size_t> row(prompts.size(), kLeftOut);  // among the complete prompts
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto own = std::span(counts).subspan(i * seeds.size(), seeds.size());
    if (std::ranges::all_of(own, [&](std::uint32_t count) { return count == data.samples; }))
      row[i] = data.prompts++;
    else
      ++data.left_out;
  }
  data.values.resize(data.prompts * data.seeds * data.samples);
  std::ranges::fill(counts, 0u);
  for (const auto& one : observations) {
    const std::size_t cell = cell_of(one), prompt = row[cell / data.seeds];
    if (prompt == kLeftOut) continue;
    data.values[(prompt * data.seeds + cell % data.seeds) * data.samples + counts[cell]++] = one.value;
  }
  return data;
}

// Sums of squares about the means, and their degrees of freedom.
struct Squares {
  double sum = 0, freedom = 0;
  double mean() const { return freedom > 0 ? sum / freedom : 0; }
};

struct Analysis {
  double mean = 0;
  Squares prompt, seed, both, sampling;
};

Analysis analyse(const Balanced& data) {
  const double p = static_cast<double>(data.prompts), s = static_cast<double>(data.seeds),
               r = static_cast<double>(data.samples);
  std::vector<double> of_prompt(data.prompts), of_seed(data.seeds), of_cell(data.prompts * data.seeds);
  // Sums first, each divided once: means of equal numbers are that number, so that no spread comes from rounding.
  for (std::size_t i = 0; i < data.values.size(); ++i) of_cell[i / data.samples] += data.values[i];
  Analysis result;
  for (std::size_t i = 0; i < of_cell.size(); ++i) {
    of_prompt[i / data.seeds] += of_cell[i];
    of_seed[i % data.seeds] += of_cell[i];
    result.mean += of_cell[i];
  }
  for (double& one : of_cell) one /= r;
  for (double& one : of_prompt) one /= s * r;
  for (double& one : of_seed) one /= p * r;
  result.mean /= p * s * r;
  for (std::size_t i = 0; i < data.values.size(); ++i)
    result.sampling.sum += std::pow(data.values[i] - of_cell[i / data.samples], 2);
  for (std::size_t i = 0; i < of_cell.size(); ++i)
    result.both.sum += r * std::pow(of_cell[i] - of_prompt[i / data.seeds] - of_seed[i % data.seeds] + result.mean, 2);
  for (const double mean : of_prompt) result.prompt.sum += s * r * std::pow(mean - result.mean, 2);
  for (const double mean : of_seed) result.seed.sum += p * r * std::pow(mean - result.mean, 2);
  result.prompt.freedom = p - 1;
  result.seed.freedom = s - 1;
  result.both.freedom = (p - 1) * (s - 1);
  result.sampling.freedom = p * s * (r - 1);
  return result;
}

}  // namespace

VarianceParts variance_parts(std::span<const Observation> observations, double level) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN(), kAll = std::numeric_limits<double>::infinity();
  const Balanced data = balance(observations);
  VarianceParts parts{.mean = kUnknown, .standard_error = kUnknown, .interval = {-kAll, kAll}};
  parts.prompts = static_cast<std::int64_t>(data.prompts);
  parts.seeds = static_cast<std::int64_t>(data.seeds);
  parts.samples = static_cast<std::int64_t>(data.samples);
  parts.left_out = data.left_out;
  if (data.prompts == 0) return parts;
  const Analysis analysis = analyse(data);
  parts.mean = analysis.mean;
  if (data.prompts < 2) return parts;
  const double p = static_cast<double>(data.prompts), s = static_cast<double>(data.seeds),
               r = static_cast<double>(data.samples);
  const bool has_seeds = data.seeds > 1, has_samples = data.samples > 1;
  const double error = analysis.sampling.mean(), both = has_seeds ? analysis.both.mean() : error;
  if (has_samples) parts.sampling = error;
  if (has_seeds) {
    parts.prompt_by_seed = std::max(0.0, (both - error) / r);
    parts.seed = std::max(0.0, (analysis.seed.mean() - both) / (p * r));
  }
  parts.prompt = std::max(0.0, (analysis.prompt.mean() - both) / (s * r));
  const double from_prompts = analysis.prompt.mean(), from_seeds = has_seeds ? analysis.seed.mean() : 0;
  const double squares = has_seeds ? std::max(from_prompts, from_prompts + from_seeds - both) : from_prompts;
  parts.standard_error = std::sqrt(squares / (p * s * r));
  double freedom = analysis.prompt.freedom;
  if (squares > from_prompts) {
    freedom = squares * squares /
              (from_prompts * from_prompts / analysis.prompt.freedom + from_seeds * from_seeds / analysis.seed.freedom +
               both * both / analysis.both.freedom);
  }
  parts.degrees_of_freedom = freedom;
  const double half = squares > 0 ? student_critical_value(level, freedom) * parts.standard_error : 0;
  parts.interval = {analysis.mean - half, analysis.mean + half};
  return parts;
}

}  // namespace holdfast::evaluation
