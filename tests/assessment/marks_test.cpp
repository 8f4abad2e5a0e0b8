#include "assessment/marks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/random.h"

namespace holdfast::assessment {
namespace {

using evaluation::Outcome;

bool is_same(const Mark& a, const Mark& b) {
  return a.sample == b.sample && a.position == b.position && a.outcome == b.outcome && a.value == b.value &&
         a.part == b.part;
}

// Some samples of some items, with gaps; as counts, or as scores after a while; in parts, or whole.
std::vector<Mark> made_up(Random& random, bool has_scores, bool has_parts) {
  std::vector<Mark> list;
  for (std::int32_t sample = 0; sample < 6; ++sample) {
    if (random.uniform() < 0.2) continue;
    for (std::int32_t position = 0; position < 40; ++position) {
      if (random.uniform() < 0.15) continue;
      const auto outcome = static_cast<Outcome>(random.below(5));
      const bool is_score = has_scores && sample > 2 && random.uniform() < 0.5;
      const float value = is_score ? static_cast<float>(random.uniform()) : static_cast<float>(random.below(2));
      list.push_back({sample, position, outcome, value});
      while (has_parts && random.uniform() < 0.4)
        list.push_back({sample, position, static_cast<Outcome>(random.below(5)), 1, list.back().part + 1});
    }
  }
  return list;
}

TEST(Marks, AreReadAsTheyWereAdded) {
  Random random(1);
  for (int run = 0; run < 200; ++run) {
    const auto list = made_up(random, run % 2 == 1, run % 4 >= 2);
    Marks marks;
    for (const Mark& mark : list) marks.push_back(mark);
    ASSERT_EQ(marks.size(), list.size());
    ASSERT_TRUE(std::equal(marks.begin(), marks.end(), list.begin(), list.end(), is_same));
    for (std::int32_t sample = -1; sample < 7; ++sample) {
      for (std::int32_t position = -1; position < 41; ++position) {
        for (std::int32_t part = 0; part < 4; ++part) {
          const auto known = std::ranges::find_if(list, [&](const Mark& one) {
            return one.sample == sample && one.position == position && one.part == part;
          });
          const Mark absent{.sample = sample, .position = position, .part = part};
          const Mark expected = known == list.end() ? absent : *known;
          ASSERT_TRUE(is_same(marks.find(sample, position, part), expected))
              << sample << " " << position << " " << part;
        }
      }
    }
  }
  EXPECT_TRUE(Marks().empty());
  EXPECT_EQ(Marks().begin(), Marks().end());
}

TEST(Marks, TakeOneVerdictAnAnswer) {
  Marks marks;
  marks.push_back({0, 3, Outcome::kRefusal, 1});
  const auto part = [](std::int32_t position, std::int32_t number) {
    return Mark{.sample = 0, .position = position, .part = number};
  };
  for (const Mark& bad : {Mark{0, 3}, Mark{0, 2}, Mark{-1, 4}, part(3, 2), part(4, 1)})
    EXPECT_THROW(marks.push_back(bad), Error);
  marks.push_back(part(3, 1));
  for (const Mark& bad : {Mark{0, 3}, part(3, 1), part(3, 3), part(4, 1)}) EXPECT_THROW(marks.push_back(bad), Error);
  marks.push_back({1, 0, Outcome::kRefusal, 1});
  EXPECT_THROW(marks.push_back({0, 9}), Error);
  EXPECT_EQ(marks.size(), 3u);
}

}  // namespace
}  // namespace holdfast::assessment
