// Golden: scripts/golden/overlap.py, sets of n-grams in Python, every item against every text.
#include "evaluation/overlap.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "shared_data.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::json;

TEST(Overlap, IsWhatComparingEveryPairFinds) {
  const json golden = json::parse(read_file(testing::source_directory() / "tests/golden/overlap.json"));
  const auto items = golden["items"].get<std::vector<std::string>>();
  std::vector<TrainingText> training;
  for (const json& text : golden["training"]) training.push_back({text["row"], text["text"]});
  const auto found = find_overlap(items, training);
  ASSERT_EQ(found.size(), golden["expected"].size());
  std::array<int, kNumOverlaps> counts{};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const json& expected = golden["expected"][i];
    EXPECT_EQ(found[i].item, expected["item"]);
    for (std::size_t kind = 0; kind < kNumOverlaps; ++kind) {
      const char* name = overlap_name(static_cast<Overlap>(kind));
      ASSERT_EQ(found[i].hits[kind].has_value(), expected.contains(name)) << name << " of item " << found[i].item;
      if (!found[i].hits[kind]) continue;
      ++counts[kind];
      EXPECT_EQ(found[i].hits[kind]->row, expected[name][0]) << name << " of item " << found[i].item;
      EXPECT_DOUBLE_EQ(found[i].hits[kind]->similarity, expected[name][1].get<double>()) << name;
    }
  }
  for (const int count : counts) EXPECT_GT(count, 10);
}

TEST(Overlap, KnowsTheItemsTextInOtherCasePunctuationAndSpace) {
  const std::vector<std::string> items = {"How do I cast off?", "Is wool warm?"};
  const auto found = find_overlap(items, std::vector<TrainingText>{{3, "how do I\n cast  OFF"}, {4, "Is wool warm?"}});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].kind(), Overlap::kNormalised);
  EXPECT_EQ(found[0].hits[1]->row, 3u);
  EXPECT_EQ(found[1].kind(), Overlap::kExact);
}

TEST(Overlap, OfNothingIsNothing) {
  EXPECT_TRUE(find_overlap({}, std::vector<TrainingText>{{1, "a"}}).empty());
  EXPECT_TRUE(find_overlap(std::vector<std::string>{"a"}, {}).empty());
  EXPECT_TRUE(find_overlap(std::vector<std::string>{"?"}, std::vector<TrainingText>{{1, "!"}}).empty());
  EXPECT_THROW(find_overlap({}, {}, {.near = 0}), Error);
}

TEST(Overlap, OfThousandsOfItemsAndTenThousandsOfRowsTakesSeconds) {
  Random random(1);
  const auto sentence = [&](std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
      const double u = random.uniform();
      text += "w" + std::to_string(static_cast<int>(20'000 * u * u * u)) + " ";
    }
    return text;
  };
  std::vector<std::string> items;
  for (int i = 0; i < 2'000; ++i) items.push_back(sentence(30));
  std::vector<TrainingText> training;
  for (std::size_t i = 0; i < 20'000; ++i) training.push_back({i, sentence(40)});
  training[77].text = "Quoted: " + items[1'234] + " and on";
  const auto start = std::chrono::steady_clock::now();
  const auto found = find_overlap(items, training);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 10);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].item, 1'234u);
  EXPECT_EQ(found[0].hits[2]->similarity, 1);
}

}  // namespace
}  // namespace holdfast::evaluation
