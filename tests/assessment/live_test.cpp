#include <cmath>

#include "assessment/live_text.h"
#include "assessment/live_view.h"
#include "fixtures.h"

namespace holdfast::assessment {
namespace {

const LiveMoment kMoment{.seconds = 12, .begun = 0, .memory_bytes = 1'100'000'000};

// Half of 40 answers and none of 10 steps done, at two seconds an answer.
LiveState state_of_a_run() {
  LiveState state;
  state.count_refusals_of("charms");
  state.expect("base", "charms", 20, 1);
  state.expect("attack", "charms", 20, 1);
  state.expect("attack", "arm attack", 10, 4);
  state.begin("measuring base at step 0", " on charms");
  state.advance("base", "charms", 20, 40);
  state.add_answers({"base", 0, 0}, "charms", answers("rrrrrrrrrrrrrrrrrcdu", "xstest-prefix"));
  state.add_speed(4000, 40);
  return state;
}

TEST(LiveState, CountsRefusalsAsResultsDo) {
  const LiveState state = state_of_a_run();
  const LiveRefusals& refusals = *state.arms().at(0).refusals;
  EXPECT_EQ(refusals.refusals, 17);
  EXPECT_EQ(refusals.scored, 19) << "a degenerate answer is one, an unscored one is not";
  EXPECT_FALSE(state.arms().at(1).refusals) << "nothing was measured after the attack";
  EXPECT_EQ(state.num_waves(), 1);
}

TEST(LiveState, AWaveGoesOnWhereTheLastOneEndedAndAnotherCellBeginsAnew) {
  LiveState state = state_of_a_run();
  state.add_answers({"base", 0, 0}, "charms", answers("rc", "xstest-prefix"));
  EXPECT_EQ(state.arms()[0].refusals->scored, 21);
  state.add_answers({"attack", 1, 2}, "charms", answers("cc", "xstest-prefix"));
  state.add_answers({"attack", 1, 4}, "charms", answers("rc", "xstest-prefix"));
  EXPECT_EQ(state.arms()[1].refusals->scored, 2);
  EXPECT_EQ(state.arms()[1].refusals->refusals, 1);
  EXPECT_EQ(state.arms()[1].refusals->cell.step, 4);
  state.begin("training another", "");
  EXPECT_NE(live_line(state, kMoment).find(" · refusal 1/2 (9.5–90.5 %) of attack at step 4 · "), std::string::npos)
      << live_line(state, kMoment);
}

TEST(LiveState, TheFirstJudgeThatHasSaidAnythingCounts) {
  LiveState state = state_of_a_run();
  auto list = answers("uu", "a model");
  for (StoredAnswer& one : list) one.verdicts.push_back({"a list", {.outcome = evaluation::Outcome::kRefusal}});
  state.add_answers({"attack", 1, 2}, "charms", list);
  EXPECT_EQ(state.arms()[1].refusals->judge, "a list");
  EXPECT_EQ(state.arms()[1].refusals->refusals, 2);
}

TEST(LiveState, TimeLeftComesFromWhatIsDoneAndSoDoesTheShare) {
  const LiveState state = state_of_a_run();
  EXPECT_DOUBLE_EQ(state.seconds_left(0), 20 * 2 + 10 * 4 * 2);
  EXPECT_DOUBLE_EQ(state.seconds_left(5), 115) << "five seconds of the next are over";
  EXPECT_DOUBLE_EQ(state.share(0), 40.0 / 160);
  EXPECT_EQ(state.seconds_left(1000), 0);
  EXPECT_LT(LiveState().seconds_left(0), 0) << "unknown";
}

TEST(LiveState, ASpeedIsThatOfTheLatestWorkOfOneKind) {
  LiveState state = state_of_a_run();
  EXPECT_DOUBLE_EQ(state.tokens_per_second(), 100);
  state.add_speed(900, 30);
  EXPECT_DOUBLE_EQ(state.tokens_per_second(), 30) << "what is half a minute old has no say";
  state.begin("training attack", ", step 1 of 10");
  EXPECT_EQ(state.tokens_per_second(), 0);
}

class LiveJournal : public InDirectory {};
TEST_F(LiveJournal, AResumedRunShowsWhatWasMeasuredBefore) {
  Journal journal = Journal::open(directory_, identity({{"attack", "attack"}}));
  add_charms(journal, {"base", 0, 0}, "rrrc");
  add_charms(journal, {"attack", 1, 2}, "rccu");
  LiveState state;
  state.count_refusals_of("charms");
  state.add_measured(journal);
  ASSERT_EQ(state.arms().size(), 2U);
  EXPECT_EQ(state.arms()[0].refusals->refusals, 3);
  EXPECT_EQ(state.arms()[0].refusals->scored, 4);
  EXPECT_EQ(state.arms()[1].refusals->refusals, 1);
  EXPECT_EQ(state.arms()[1].refusals->scored, 3);
}

TEST(LiveText, APlainLineSaysAllThatIsKnown) {
  // Wilson's interval of 17 of 19: 68.6 - 97.1 % (scipy 1.17, binomtest(17, 19).proportion_ci(method="wilson")).
  EXPECT_EQ(live_line(state_of_a_run(), kMoment),
            "25 % · measuring base at step 0 on charms · refusal 17/19 (68.6–97.1 %) of base · 100 tok/s · 1.1 GB · "
            "about 2 min "
            "left");
  LiveState state;
  state.begin("loading the model", "");
  EXPECT_EQ(live_line(state, {.memory_bytes = 52'000'000}), "0 % · loading the model · 52 MB");
}

TEST(LiveText, ATerminalHasALineAnArmAndNoneIsTooLong) {
  const LiveState state = state_of_a_run();
  const auto lines = live_lines(state, kMoment, 79, 23);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0], " 25 %  measuring base at step 0 on charms  (about 2 min left)");
  EXPECT_EQ(lines[1], "  base                   [##########]  charms refused 17/19 (68.6–97.1 %)");
  EXPECT_EQ(lines[2], "  attack                 [..........]");
  EXPECT_EQ(lines[3], "  100 tok/s, 1.1 GB, 12 s so far");
  EXPECT_EQ(live_lines(state, kMoment, 10, 23)[1], "  base    ");
  for (const int rows : {1, 2, 3, 4, 5}) EXPECT_LE(live_lines(state, kMoment, 79, rows).size(), std::size_t(rows));
}

TEST(LiveText, ManyArmsAreCountedAndThoseAtWorkAreShown) {
  LiveState state;
  for (int i = 0; i < 30; ++i) state.expect("arm" + std::to_string(i), "items", 10, 1);
  for (int i = 0; i < 5; ++i) state.advance("arm" + std::to_string(i), "items", 10, 1);
  state.advance("arm7", "items", 5, 1);
  const auto lines = live_lines(state, kMoment, 79, 8);
  ASSERT_EQ(lines.size(), 7U);
  EXPECT_NE(lines[3].find("arm7"), std::string::npos) << "in plan order";
  EXPECT_NE(lines[3].find("[#####.....]"), std::string::npos) << "half done comes before what waits and what is done";
  EXPECT_EQ(lines[5], "  and 26 more arms, 5 of them done");
}

TEST(LiveText, JsonHasNoUnknownNumbers) {
  const auto json = live_json(LiveState(), kMoment);
  EXPECT_FALSE(json.contains("seconds_left"));
  EXPECT_FALSE(json.contains("tokens_per_second"));
  const auto known = live_json(state_of_a_run(), kMoment);
  EXPECT_EQ(known["arms"][0]["refusal"]["k"], 17);
  EXPECT_NEAR(known["arms"][0]["refusal"]["low"].get<double>(), 0.686, 5e-4);
  EXPECT_DOUBLE_EQ(known["arms"][0]["share"].get<double>(), 1);
}

}  // namespace
}  // namespace holdfast::assessment
