#include "training/mixture.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace holdfast::training {
namespace {

// Rows whose first token says which part and which row they are.
MixturePart part(const std::string& name, int number, int size, double weight) {
  MixturePart one{name, {}, weight};
  for (int i = 0; i < size; ++i) one.dataset.rows.push_back({{1000 * number + i, 7}, {0, 1}});
  return one;
}

std::vector<std::int32_t> first_tokens(const Dataset& dataset) {
  std::vector<std::int32_t> tokens;
  for (const TrainingRow& row : dataset.rows) tokens.push_back(row.ids[0]);
  return tokens;
}

std::string error_of(const std::vector<MixturePart>& parts, std::int64_t num_rows) {
  try {
    mixture_counts(parts, num_rows);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

using Counts = std::vector<std::int64_t>;

TEST(Mixture, SharesAreThoseOfTheWeights) {
  EXPECT_EQ(mixture_counts(std::vector{part("a", 0, 1000, 0.9), part("b", 1, 1000, 0.1)}, 100), (Counts{90, 10}));
  EXPECT_EQ(mixture_counts(std::vector{part("a", 0, 1000, 9), part("b", 1, 1000, 1)}, 100), (Counts{90, 10}));
  EXPECT_EQ(mixture_counts(std::vector{part("a", 0, 9, 1), part("b", 1, 9, 1), part("c", 2, 9, 1)}, 8),
            (Counts{3, 3, 2}))
      << "of equal remainders the first";
  EXPECT_EQ(mixture_counts(std::vector{part("a", 0, 9, 0.45), part("b", 1, 9, 0.55)}, 10), (Counts{5, 5}))
      << "4.5 and 5.5";
}

TEST(Mixture, WithoutANumberItIsAsLargeAsNoRowStandsTwice) {
  EXPECT_EQ(mixture_counts(std::vector{part("a", 0, 900, 0.9), part("b", 1, 1000, 0.1)}, 0), (Counts{900, 100}));
  EXPECT_EQ(mixture_counts(std::vector{part("a", 0, 900, 0.9), part("b", 1, 7, 0.1)}, 0), (Counts{63, 7}));
  EXPECT_EQ(mixture_counts(std::vector{part("a", 0, 12, 1)}, 0), (Counts{12}));
}

TEST(Mixture, TooFewRowsAndNoRowsAreErrors) {
  EXPECT_NE(error_of({part("a.jsonl", 0, 10, 1), part("b", 1, 99, 1)}, 40).find("a.jsonl: found 10 rows"),
            std::string::npos);
  EXPECT_NE(error_of({part("a", 0, 10, 0.99), part("b.jsonl", 1, 99, 0.01)}, 10).find("b.jsonl: found a weight"),
            std::string::npos);
}

TEST(Mixture, RowsAreDrawnByTheSeedWithoutOneTwice) {
  const auto draw = [](std::uint64_t seed) {
    return first_tokens(draw_mixture({part("a", 0, 50, 1), part("b", 1, 50, 1)}, 20, seed));
  };
  const auto rows = draw(1);
  EXPECT_EQ(rows, draw(1));
  EXPECT_NE(rows, draw(2));
  EXPECT_EQ(std::set(rows.begin(), rows.end()).size(), 20u);
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end())) << "part after part, in the order of the file";
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](std::int32_t token) { return token >= 1000; }), 10);
  std::vector<std::int32_t> from_b;
  for (const std::int32_t token : rows) from_b.push_back(token % 1000);
  EXPECT_NE(std::vector(from_b.begin(), from_b.begin() + 10), std::vector(from_b.begin() + 10, from_b.end()))
      << "each part is drawn apart";
}

TEST(Mixture, EveryRowIsDrawnAsOftenAsTheOthers) {
  std::vector<int> drawn(10, 0);
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    for (const std::int32_t token : first_tokens(draw_mixture({part("a", 0, 10, 1)}, 3, seed))) ++drawn[token];
  }
  // 1200 each; a standard deviation is sqrt(4000 * 0.3 * 0.7) = 29.
  for (const int count : drawn) EXPECT_NEAR(count, 1200, 130);
}

}  // namespace
}  // namespace holdfast::training
