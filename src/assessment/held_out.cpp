#include "assessment/held_out.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace holdfast::assessment {
namespace {

constexpr std::string_view kSuffix = " (held out)";

}  // namespace

std::string held_out_name(const std::string& benchmark) { return benchmark + std::string(kSuffix); }

std::string selection_name(const std::string& benchmark) {
  return benchmark.ends_with(kSuffix) ? benchmark.substr(0, benchmark.size() - kSuffix.size()) : benchmark;
}

evaluation::Benchmark split_held_out(evaluation::Benchmark& benchmark, double share, std::int64_t seed) {
  std::vector<std::string> categories;  // in the file's order
  for (const auto& item : benchmark.items) {
    if (std::find(categories.begin(), categories.end(), item.category) == categories.end())
      categories.push_back(item.category);
  }
  std::set<std::size_t> drawn;
  for (std::size_t c = 0; c < categories.size(); ++c) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < benchmark.items.size(); ++i) {
      if (benchmark.items[i].category == categories[c]) places.push_back(i);
    }
    Random(static_cast<std::uint64_t>(seed), c).shuffle(std::span(places));
    const auto count = static_cast<std::size_t>(std::lround(share * static_cast<double>(places.size())));
    drawn.insert(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(std::min(count, places.size())));
  }
  HOLDFAST_CHECK(kBadInput, !drawn.empty() && drawn.size() < benchmark.items.size(), "[confirmation] found ",
                 benchmark.items.size(), " prompts of ", benchmark.name, " with the share ", share,
                 " to hold out, expected prompts on both sides; try another share, or path = \"FILE\"");
  evaluation::Benchmark held_out = benchmark;
  held_out.name = held_out_name(benchmark.name);
  held_out.items.clear();
  std::vector<evaluation::Item> kept;
  for (std::size_t i = 0; i < benchmark.items.size(); ++i)
    (drawn.count(i) > 0 ? held_out.items : kept).push_back(std::move(benchmark.items[i]));
  benchmark.items = std::move(kept);
  return held_out;
}

void check_held_out(const evaluation::Benchmark& selection, const evaluation::Benchmark& held_out) {
  std::set<std::string> asked;
  for (const auto& item : selection.items) asked.insert(item.prompt);
  const auto both = std::count_if(held_out.items.begin(), held_out.items.end(),
                                  [&](const auto& item) { return asked.count(item.prompt) > 0; });
  HOLDFAST_CHECK(kBadInput, both == 0, "[confirmation] found ", both, " prompts held out that ", selection.name,
                 " asks too, expected none: they would confirm their own choice; try share = 0.5 instead of path");
}

}  // namespace holdfast::assessment
