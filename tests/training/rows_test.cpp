// Which rows a step takes, in which order, and how they are packed.
#include <gtest/gtest.h>

#include <set>

#include "training/trainer.h"

namespace holdfast::training {
namespace {

Dataset rows_of(const std::vector<std::size_t>& lengths) {
  Dataset dataset;
  for (const std::size_t length : lengths)
    dataset.rows.push_back({std::vector<std::int32_t>(length), std::vector<std::uint8_t>(length, 1)});
  return dataset;
}

TEST(DealRows, FillsTokensPerStepAndTakesALongerRowAlone) {
  const Dataset dataset = rows_of({10, 20, 30, 5, 70, 10});
  const TrainOptions options{.tokens_per_step = 60, .order = RowOrder::kFile};
  RowSequence sequence(6, options.order, 0);
  std::vector<std::vector<std::size_t>> steps;
  for (int i = 0; i < 4; ++i) {
    steps.emplace_back();
    for (const TrainingRow* row : deal_rows(dataset, options, sequence)) steps.back().push_back(row->ids.size());
  }
  EXPECT_EQ(steps, (std::vector<std::vector<std::size_t>>{{10, 20, 30}, {5}, {70}, {10, 10, 20}}));
}

TEST(StepsOfEpochs, CoverTheRowsThatAreMeant) {
  const Dataset dataset = rows_of({10, 10, 10, 10, 10, 10, 10, 10, 10, 10});
  const auto steps = [&](double epochs, std::int64_t rows) {
    return steps_of_epochs(dataset, {.rows_per_step = rows}, epochs);
  };
  EXPECT_EQ(steps(1, 4), 3);
  EXPECT_EQ(steps(2, 4), 5);  // a step reaches from one epoch into the next
  EXPECT_EQ(steps(1.1, 1), 11);
  EXPECT_EQ(steps(0.5, 5), 1);
  EXPECT_EQ(steps(0.51, 5), 2);
  EXPECT_EQ(steps(0.001, 8), 1);
  EXPECT_EQ(steps_of_epochs(dataset, {.tokens_per_step = 25}, 1), 5);
  EXPECT_EQ(steps_of_epochs(dataset, {.tokens_per_step = 30}, 3), 10);
}

TEST(RowSequence, DealsEachEpochAsAnotherPermutationAndRepeats) {
  RowSequence sequence(50, RowOrder::kSeeded, 9), again(50, RowOrder::kSeeded, 9), other(50, RowOrder::kSeeded, 10);
  std::set<std::vector<std::size_t>> orders;
  for (int epoch = 0; epoch < 4; ++epoch) {
    std::vector<std::size_t> dealt, dealt_by_other;
    for (int i = 0; i < 50; ++i) {
      const std::size_t peeked = sequence.peek();
      dealt.push_back(sequence.next());
      EXPECT_EQ(peeked, dealt.back());
      EXPECT_EQ(again.next(), dealt.back());
      dealt_by_other.push_back(other.next());
    }
    EXPECT_EQ(std::set<std::size_t>(dealt.begin(), dealt.end()).size(), 50);
    orders.insert(dealt);
    orders.insert(dealt_by_other);
  }
  EXPECT_EQ(orders.size(), 8);
}

TEST(RowSequence, InFileOrderBeginsAgainAtTheFirstRow) {
  RowSequence sequence(3, RowOrder::kFile, 9);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(sequence.next(), i % 3);
}

TEST(RowSequence, SeeksToAnyPlaceForwardsAndBack) {
  for (const RowOrder order : {RowOrder::kFile, RowOrder::kSeeded}) {
    RowSequence sequence(7, order, 3);
    std::vector<std::size_t> dealt;
    for (int i = 0; i < 30; ++i) dealt.push_back(sequence.next());
    for (const std::int64_t place : {29, 0, 6, 7, 8, 14, 13, 21}) {
      sequence.seek(place);
      EXPECT_EQ(sequence.dealt(), place);
      for (std::int64_t i = place; i < 30; ++i) EXPECT_EQ(sequence.next(), dealt[i]) << "from " << place << " at " << i;
    }
  }
}

TEST(PackRows, HoldEveryRowOnceAndOverflowOnlyForARowThatIsLonger) {
  const Dataset dataset = rows_of({5, 40, 2, 17, 33, 9, 100, 1});
  std::vector<const TrainingRow*> rows;
  for (const TrainingRow& row : dataset.rows) rows.push_back(&row);
  std::multiset<std::size_t> seen;
  std::size_t num_packs = 0;
  for (const auto& pack : pack_rows(rows, 50)) {
    std::size_t tokens = 0;
    for (const std::size_t row : pack) seen.insert(row), tokens += rows[row]->ids.size();
    EXPECT_TRUE(tokens <= 50 || pack.size() == 1);
    ++num_packs;
  }
  EXPECT_EQ(seen, (std::multiset<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(num_packs, 4);  // 100 | 40 + 9 + 1 | 33 + 17 | 5 + 2
}

}  // namespace
}  // namespace holdfast::training
