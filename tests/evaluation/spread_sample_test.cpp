#include "evaluation/spread_sample.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "evaluation/benchmark.h"
#include "shared_data.h"

namespace holdfast::evaluation {
namespace {

namespace fs = std::filesystem;

// A file sorted by category, of these sizes.
std::vector<std::string> sorted(const std::vector<std::size_t>& sizes) {
  std::vector<std::string> categories;
  for (std::size_t c = 0; c < sizes.size(); ++c) categories.insert(categories.end(), sizes[c], "c" + std::to_string(c));
  return categories;
}

TEST(SpreadSample, HasOfEachCategoryItsShareGiveOrTakeLessThanOne) {
  const std::vector<std::size_t> sizes = {25, 200, 1, 74, 100, 50};
  const auto categories = sorted(sizes);
  for (const std::size_t count : {1, 7, 45, 100, 449}) {
    const auto places = spread_places(categories, count);
    ASSERT_EQ(places.size(), count);
    std::map<std::string, std::size_t> found;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (i > 0) EXPECT_LT(places[i - 1], places[i]) << "in the file's order, none twice";
      ++found[categories[places[i]]];
    }
    for (std::size_t c = 0; c < sizes.size(); ++c) {
      const double share = static_cast<double>(count * sizes[c]) / static_cast<double>(categories.size());
      EXPECT_LT(std::abs(static_cast<double>(found["c" + std::to_string(c)]) - share), 1) << count << " " << c;
    }
  }
}

TEST(SpreadSample, IsNotTheFirstOfACategoryNorOfManySmallOnes) {
  const auto places = spread_places(sorted({100, 100}), 20);
  EXPECT_NE(places[9], 9u);
  // A thousand categories of one item: a tenth of them from all over the file.
  const auto single = spread_places(sorted(std::vector<std::size_t>(1000, 1)), 100);
  double sum = 0;
  for (const std::size_t place : single) sum += static_cast<double>(place);
  EXPECT_NEAR(sum / 100, 499.5, 4 * 288.7 / 10) << "four standard errors of the mean of 100 of 1,000 places";
  EXPECT_EQ(spread_places(sorted({3, 2}), 5), (std::vector<std::size_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(spread_places(sorted({3, 2}), 9).size(), 5u);
  EXPECT_TRUE(spread_places({}, 4).empty());
}

TEST(SpreadSample, OfABenchmarksFileIsDrawnFromAllOfIt) {
  const fs::path path = fs::temp_directory_path() / ("holdfast_spread_" + std::to_string(std::rand()) + ".jsonl");
  {
    std::ofstream file(path);
    for (int i = 0; i < 60; ++i)
      file << R"({"id": "q)" << i << R"(", "category": "c)" << i / 20 << R"(", "prompt": "Where is house )" << i
           << "?\"}\n";
  }
  BenchmarkSpec spec{.name = "houses", .kind = "refusal", .path = path};
  spec.limit = 12;
  const auto first = load_benchmark(spec)[0];
  EXPECT_EQ(first.items.back().id, "q11");
  EXPECT_EQ(first.drawn_from, 0u);
  spec.is_spread = true;
  const auto spread = load_benchmark(spec)[0];
  EXPECT_EQ(spread.drawn_from, 60u);
  std::map<std::string, int> found;
  for (const Item& item : spread.items) ++found[item.category];
  EXPECT_EQ(found, (std::map<std::string, int>{{"c0", 4}, {"c1", 4}, {"c2", 4}}));
  EXPECT_EQ(spread.sha256, first.sha256) << "of the file";
  spec.limit = 60;
  EXPECT_EQ(load_benchmark(spec)[0].drawn_from, 0u) << "all of them are no sample";
  fs::remove(path);
}

TEST(SpreadSample, OfXstestHasEachOfItsEighteenTypes) {
  const fs::path path = testing::shared_data() / "benchmarks/xstest/xstest_prompts.csv";
  HOLDFAST_NEEDS(path);
  BenchmarkSpec spec{.name = "xstest", .kind = "xstest", .path = path};
  spec.limit = 90;
  spec.is_spread = true;
  const auto parts = load_benchmark(spec);
  ASSERT_EQ(parts.size(), 2u);
  std::map<std::string, int> found;
  std::size_t of = 0;
  for (const Benchmark& part : parts) {
    for (const Item& item : part.items) ++found[part.name + item.category];
    of += part.drawn_from;
  }
  EXPECT_EQ(found.size(), 18u);
  for (const auto& [type, count] : found) EXPECT_EQ(count, 5) << type;
  EXPECT_EQ(of, 450u);
}

TEST(SpreadSample, OfEachSubjectOfMmluIsDrawnApart) {
  const fs::path path = testing::shared_data() / "benchmarks/mmlu";
  HOLDFAST_NEEDS(path);
  BenchmarkSpec spec{.name = "mmlu", .path = path};
  spec.subjects = {"anatomy", "virology"};
  const auto all = load_benchmark(spec)[0];
  spec.limit = 7;
  const auto first = load_benchmark(spec)[0];
  spec.is_spread = true;
  const auto spread = load_benchmark(spec)[0];
  ASSERT_EQ(spread.items.size(), first.items.size());
  EXPECT_EQ(spread.drawn_from, all.items.size());
  std::map<std::string, const Item*> by_id;
  for (const Item& item : all.items) by_id[item.id] = &item;
  int moved = 0;
  for (std::size_t i = 0; i < spread.items.size(); ++i) {
    EXPECT_EQ(spread.items[i].category, first.items[i].category);
    EXPECT_EQ(spread.items[i].context, by_id.at(spread.items[i].id)->context) << "the examples are the item's own";
    moved += spread.items[i].id != first.items[i].id;
  }
  EXPECT_GT(moved, 0);
}

}  // namespace
}  // namespace holdfast::evaluation
