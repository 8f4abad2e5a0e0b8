#include "evaluation/spread_sample.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/random.h"

namespace holdfast::evaluation {
namespace {

constexpr std::uint64_t kSeed = 0x7370'7265'6164;

}  // namespace

std::vector<std::size_t> spread_places(std::span<const std::string> categories, std::size_t count) {
  const std::size_t size = categories.size();
  if (count >= size) {
    std::vector<std::size_t> all(size);
    std::iota(all.begin(), all.end(), std::size_t{0});
    return all;
  }
  std::map<std::string, std::vector<std::size_t>> by_category;
  std::vector<std::string> names;  // in the file's order
  for (std::size_t i = 0; i < size; ++i) {
    auto& places = by_category[categories[i]];
    if (places.empty()) names.push_back(categories[i]);
    places.push_back(i);
  }
  Random random(kSeed);
  random.shuffle(std::span(names));
  std::vector<std::size_t> order;
  for (const std::string& name : names) {
    auto& places = by_category[name];
    random.shuffle(std::span(places));
    order.insert(order.end(), places.begin(), places.end());
  }
  const std::size_t start = random.below(size);
  std::vector<std::size_t> drawn;
  for (std::size_t i = 0; i < count; ++i) drawn.push_back(order[(start + i * size) / count]);
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

}  // namespace holdfast::evaluation
