#include "base/progress.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(WorkEstimate, KnowsNothingBeforeAnythingIsDone) {
  WorkEstimate work;
  work.expect("answers", 10, 1);
  EXPECT_LT(work.seconds_left(), 0);
}

TEST(WorkEstimate, GoesByWhatEachKindCostsAndScalesTheGuessesOfTheOthers) {
  WorkEstimate work;
  work.expect("answers", 10, 1);
  work.expect("steps", 4, 5);
  work.done("answers", 5, 10);  // two seconds each: twice the guess
  EXPECT_DOUBLE_EQ(work.seconds_left(), 5 * 2 + 4 * 5 * 2);
  work.done("steps", 1, 3);  // cheaper than guessed: from now on three seconds each
  EXPECT_DOUBLE_EQ(work.seconds_left(), 5 * 2 + 3 * 3);
}

TEST(WorkEstimate, WhatWasDoneAtAnotherTimeIsNotExpectedAnyMore) {
  WorkEstimate work;
  work.expect("answers", 10, 1);
  work.skip("answers", 8);
  work.done("answers", 1, 4);
  EXPECT_DOUBLE_EQ(work.seconds_left(), 4);
  work.done("answers", 3, 4);
  EXPECT_DOUBLE_EQ(work.seconds_left(), 0) << "more than expected leaves nothing, not less than nothing";
}

}  // namespace
}  // namespace holdfast
