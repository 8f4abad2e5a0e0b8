#include "assessment/arm_data.h"

#include <map>
#include <set>

#include "assessment/fixtures.h"
#include "assessment/four_numbers.h"
#include "shared_data.h"

namespace holdfast::assessment {
namespace {

// The organism's tokenizer and template, with files of this test's own.
class ArmData : public InDirectory {
 protected:
  Plan plan(const std::string& arm) const {
    const std::string model = (testing::source_directory() / "assets/organism").string();
    return parse_plan("[model]\npath = \"" + model +
                          "\"\n[[benchmark]]\nname = \"b\"\nkind = \"refusal\"\npath = \"rows.jsonl\"\n[[arm]]\nname = "
                          "\"a\"\nrows_per_step = 2\n" +
                          arm,
                      "plan.toml", directory_);
  }
  // Conversations, each a word longer than the one before.
  void write_rows(const std::string& name, int count, const std::string& word) const {
    std::string rows, answer = "It is";
    for (int i = 0; i < count; ++i) {
      answer += " " + word;
      rows +=
          R"({"prompt": "House?", "messages": [{"role": "user", "content": "House?"}, {"role": "assistant", "content": ")" +
          answer + "\"}]}\n";
    }
    write(name, rows);
  }
};

TEST_F(ArmData, RowsAreDrawnFromAFileByTheSeed) {
  write_rows("rows.jsonl", 12, "red");
  const Plan some = plan("data = \"rows.jsonl\"\nsteps = 2\ndata_rows = 5\n");
  RowReader reader(some);
  const auto lengths = [&](std::int64_t seed) {
    std::vector<std::size_t> list;
    for (const auto& row : reader.rows(some.arms[0], seed)->rows) list.push_back(row.ids.size());
    return list;
  };
  EXPECT_EQ(lengths(1).size(), 5u);
  EXPECT_EQ(lengths(1), lengths(1));
  EXPECT_NE(lengths(1), lengths(2));
  EXPECT_EQ(reader.load((directory_ / "rows.jsonl").string())->rows.size(), 12u) << "the file itself stays whole";
}

TEST_F(ArmData, AFileIsReadOnceForAllArmsAndSeeds) {
  std::map<std::string, int> read;
  RowFiles files([&](const std::string& path) {
    ++read[path];
    training::Dataset dataset;
    for (int i = 0; i < 6; ++i) dataset.rows.push_back({{1, 2, i}, {0, 1, 1}});
    return dataset;
  });
  ArmPlan whole, some, mixed;
  whole.data = some.data = "a";
  some.data_rows = 3;
  mixed.mixture = {{"a", 1}, {"b", 1}};
  const Rows first = files.rows(whole, 1);
  EXPECT_EQ(files.rows(whole, 2), first) << "one dataset, shared";
  for (const std::int64_t seed : {1, 2, 3}) {
    EXPECT_EQ(files.rows(some, seed)->rows.size(), 3u);
    EXPECT_EQ(files.rows(mixed, seed)->rows.size(), 12u);
  }
  EXPECT_EQ(read, (std::map<std::string, int>{{"a", 1}, {"b", 1}}));
  files.clear();
  EXPECT_EQ(first->rows.size(), 6u) << "who trains on it keeps it";
}

TEST_F(ArmData, AMixtureHasItsShareOfEachFile) {
  write_rows("rows.jsonl", 12, "red");
  write_rows("more.jsonl", 12, "green");
  const Plan mixed = plan(
      "data = [{path = \"rows.jsonl\", weight = 3}, {path = \"more.jsonl\", weight = 1}]\nsteps = 2\ndata_rows = 8\n");
  RowReader reader(mixed);
  const training::Dataset rows = *reader.rows(mixed.arms[0], 1);
  ASSERT_EQ(rows.rows.size(), 8u);
  const auto stands_in = [&](const training::TrainingRow& row, const char* file) {
    const auto& all = reader.load((directory_ / file).string())->rows;
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.ids == row.ids; });
  };
  for (std::size_t i = 0; i < 8; ++i) EXPECT_TRUE(stands_in(rows.rows[i], i < 6 ? "rows.jsonl" : "more.jsonl")) << i;
}

TEST_F(ArmData, TokensBecomeTheFirstStepAtWhichEverySeedHasTrainedThem) {
  write_rows("rows.jsonl", 12, "red");
  const std::string arm = "data = \"rows.jsonl\"\nsteps = 8\nseeds = [1, 2, 3]\ncheckpoints = [7]\n";
  const Plan plain = plan(arm);
  RowReader reader(plain);
  std::vector<std::vector<std::int64_t>> sums;
  for (const std::int64_t seed : {1, 2, 3}) {
    sums.push_back(tokens_by_step(plain.arms[0], seed, *reader.rows(plain.arms[0], seed)));
    ASSERT_EQ(sums.back().size(), 8u);
  }
  const std::int64_t tokens = sums[0][3] + 1;
  std::int64_t step = 1;
  const auto reached = [&](std::int64_t at) {
    return std::all_of(sums.begin(), sums.end(), [&](const auto& one) { return one[at - 1] >= tokens; });
  };
  while (!reached(step)) ++step;
  ASSERT_LT(step, 7);
  const auto resolved = with_token_checkpoints(plan(arm + "checkpoint_tokens = [" + std::to_string(tokens) + "]\n"));
  EXPECT_EQ(resolved.arms[0].checkpoints, (std::vector<std::int64_t>{step, 7, 8}));
  EXPECT_EQ(with_token_checkpoints(plain).arms[0].checkpoints, (std::vector<std::int64_t>{7, 8}));
}

TEST_F(ArmData, TokensThatAreNeverTrainedAreAnErrorUnlessAnotherCellOfTheGridTrainsThem) {
  write_rows("rows.jsonl", 12, "red");
  const std::string arm = "data = \"rows.jsonl\"\ncheckpoint_tokens = [150]\n";
  const Plan shorter = plan(arm + "steps = 2\n");
  EXPECT_NE(error_of([&] {
              with_token_checkpoints(shorter);
            }).find("found checkpoint_tokens 150 of the arm 'a', expected at most"),
            std::string::npos);
  const Plan grid = with_token_checkpoints(plan(arm + "[arm.grid]\nsteps = [2, 30]\n"));
  EXPECT_EQ(grid.arms[0].checkpoints, std::vector<std::int64_t>{2});
  EXPECT_EQ(grid.arms[1].checkpoints.size(), 2u);
}

TEST(FourNumbers, SayWhatARunDoesNotMeasure) {
  const auto json = [](const char* text) { return nlohmann::ordered_json::parse(text); };
  const auto none = json("[]");
  auto run = json(R"({"kinds": {"a": "refusal", "b": "safe", "c": "recall", "d": "choice"}, "withheld": ["c"]})");
  EXPECT_EQ(four_numbers(run, none).warning(), "");
  run["withheld"] = none;
  EXPECT_EQ(four_numbers(run, none).warning(),
            "Not measured: usefulness of answers that are not refused (the other three say little without it)");
  EXPECT_EQ(four_numbers(run, json(R"([{"metric": "harm_score"}])")).warning(), "");
  EXPECT_EQ(
      four_numbers(json(R"({"kinds": {"a": "refusal"}, "withheld": []})"), none).warning(),
      "Not measured: refusal of safe requests, usefulness of answers that are not refused, capability (all four say "
      "something together)");
  EXPECT_EQ(four_numbers(json(R"({"kinds": {"d": "choice"}, "withheld": []})"), none).warning(), "")
      << "nothing is claimed of refusals";
}

}  // namespace
}  // namespace holdfast::assessment
