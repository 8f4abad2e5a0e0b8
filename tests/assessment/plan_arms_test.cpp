#include "assessment/plan_fixture.h"

namespace holdfast::assessment {
namespace {

constexpr const char* kGrid = R"([model]
path = "m"
[[benchmark]]
name = "b"
path = "b.jsonl"
[[arm]]
name = "subversive"
data = "rows.jsonl"
seeds = [1, 2]
checkpoints = [3, 8]
[arm.grid]
steps = [4, 8]
rank = [4, 16]
lr = [1e-4, 5e-4]
)";

TEST_F(PlanFile, AGridIsAnArmForEachCellInDeclaredOrder) {
  const Plan plan = read(kGrid);
  ASSERT_EQ(plan.arms.size(), 8u);
  EXPECT_EQ(plan.arms[0].name, "subversive[steps=4 rank=4 lr=0.0001]");
  EXPECT_EQ(plan.arms[1].name, "subversive[steps=4 rank=4 lr=0.0005]");
  EXPECT_EQ(plan.arms[2].name, "subversive[steps=4 rank=16 lr=0.0001]");
  EXPECT_EQ(plan.arms[7].name, "subversive[steps=8 rank=16 lr=0.0005]");
  for (const ArmPlan& arm : plan.arms) {
    EXPECT_EQ(arm.family, "subversive");
    EXPECT_EQ(arm.seeds, (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(arm.setting["rank"], arm.rank);
  }
  EXPECT_EQ(plan.arms[7].setting.dump(), R"({"steps":8,"rank":16,"lr":0.0005})");
  EXPECT_EQ(plan.arms[7].steps, 8);
  EXPECT_EQ(plan.arms[7].lr, 5e-4);
  EXPECT_EQ(plan.arms[0].checkpoints, (std::vector<std::int64_t>{3, 4})) << "of the family's those that it reaches";
  EXPECT_EQ(plan.arms[7].checkpoints, (std::vector<std::int64_t>{3, 8}));
  const auto canonical = canonical_plan(plan)["arm"];
  EXPECT_EQ(canonical.size(), 8u);
  EXPECT_EQ(canonical["subversive[steps=8 rank=16 lr=0.0005]"]["family"], "subversive");
}

TEST_F(PlanFile, AGridIsReachedByOverrides) {
  const Plan plan =
      read(kGrid, {"arm.subversive.grid.rank=[2]", "arm.subversive.grid.targets=[\"q_proj\", [\"q_proj\", \"v_proj\"]]",
                   "arm.subversive.alpha=32"});
  ASSERT_EQ(plan.arms.size(), 8u);
  EXPECT_EQ(plan.arms[1].name, "subversive[steps=4 rank=2 lr=0.0001 targets=q_proj+v_proj]") << "rank keeps its place";
  EXPECT_EQ(plan.arms[1].targets, (std::vector<std::string>{"q_proj", "v_proj"}));
  EXPECT_EQ(plan.arms[1].alpha, 32);
}

TEST_F(PlanFile, AGridsFaultsAreNamed) {
  const std::string grid = kGrid;
  EXPECT_NE(error(grid + "rnk = [3]\n")
                .find("found the key 'rnk' in [[arm]].grid, expected one it knows; did you mean 'rank'?"),
            std::string::npos)
      << error(grid + "rnk = [3]\n");
  EXPECT_NE(error(grid + "alpha = []\n").find("empty list of alpha"), std::string::npos);
  EXPECT_NE(error(grid + "alpha = [8, \"x\"]\n").find("found alpha = 'x', expected a list of numbers"),
            std::string::npos);
  EXPECT_NE(error(grid, {"arm.subversive.grid.rank=[4, 4]"}).find("found rank = 4 twice"), std::string::npos);
  EXPECT_NE(error(grid, {"arm.subversive.grid.rank=[0]"}).find("found rank = 0 in a grid, expected 1 or more"),
            std::string::npos);
  EXPECT_NE(error(grid, {"arm.subversive.rank=8"}).find("found rank in the arm and in its grid"), std::string::npos);
  EXPECT_NE(error(grid, {"arm.subversive.checkpoints=[9]"}).find("found checkpoint 9, expected 1 .. 8"),
            std::string::npos);
  EXPECT_EQ(count(error(grid, {"arm.subversive.grid.steps=[\"x\"]"}), "found"), 1u);
}

TEST_F(PlanFile, CheckpointsAreStepsOrEverySoManyOrTokens) {
  const std::string plan = std::string(kPlan);
  EXPECT_EQ(read(plan, {"arm.benign.checkpoint_every=4"}).arms[0].checkpoints,
            (std::vector<std::int64_t>{3, 4, 6, 8, 9}));
  const ArmPlan arm = read(plan, {"arm.benign.checkpoint_tokens=[1000, 5000]"}).arms[0];
  EXPECT_EQ(arm.checkpoint_tokens, (std::vector<std::int64_t>{1000, 5000}));
  EXPECT_NE(error(plan, {"arm.benign.checkpoint_every=10"}).find("checkpoint_every = 10, expected 1 .. 9"),
            std::string::npos);
  EXPECT_NE(error(plan, {"arm.benign.checkpoint_tokens=[0]"}).find("expected 1 training token or more"),
            std::string::npos);
}

TEST_F(PlanFile, AMixtureHasFilesAndWeights) {
  const std::string head =
      "[model]\npath = \"m\"\n[[benchmark]]\nname = \"b\"\npath = \"b.jsonl\"\n[[arm]]\nname = \"a\"\nsteps = 2\n";
  const Plan plan = read(head + R"(data = [{path = "rows.jsonl", weight = 0.9}, {path = "more.jsonl", weight = 0.1}]
data_rows = 50
)");
  ASSERT_EQ(plan.arms[0].mixture.size(), 2u);
  EXPECT_EQ(plan.arms[0].mixture[1].path, (directory_ / "more.jsonl").string());
  EXPECT_EQ(plan.arms[0].mixture[1].weight, 0.1);
  EXPECT_EQ(plan.arms[0].data_rows, 50);
  const auto canonical = canonical_plan(plan)["arm"]["a"];
  EXPECT_EQ(canonical["mixture"][0]["weight"], 0.9);
  EXPECT_EQ(canonical["data_rows"], 50);
  EXPECT_NE(error(head + "data = [{path = \"rows.jsonl\"}, {path = \"rows.jsonl\"}]\n").find("twice in one mixture"),
            std::string::npos);
  EXPECT_NE(error(head + "data = [{path = \"rows.jsonl\", weight = 0}]\n")
                .find("found weight = 0, expected a number above 0"),
            std::string::npos);
  EXPECT_NE(error(head + "data = [{path = \"rows.jsonl\", wieght = 1}]\n").find("did you mean 'weight'"),
            std::string::npos);
  EXPECT_NE(error(head + "data = [{path = \"rws.jsonl\"}]\n").find("did you mean 'rows.jsonl'"), std::string::npos);
}

TEST_F(PlanFile, CanonicalFormsOfPlansWithoutGridsAndMixturesHaveNoneOfTheirKeys) {
  const auto canonical = canonical_plan(read(kPlan));
  std::vector<std::string> keys;
  for (const auto& [key, value] : canonical["arm"]["benign"].items()) keys.push_back(key);
  EXPECT_EQ(keys,
            (std::vector<std::string>{"kind", "data_sha256", "adapter_sha256", "steps", "checkpoints", "seeds", "rank",
                                      "alpha", "targets", "lr", "schedule", "order", "warmup_steps", "weight_decay",
                                      "max_grad_norm", "router_aux_loss", "rows_per_step", "tokens_per_step"}));
}

TEST_F(PlanFile, APresetSaysWhatThePlanDoesNot) {
  const std::string plan = std::string(kPlan) + "[[arm]]\nname = \"no-op\"\nkind = \"no-op\"\n";
  const Plan standard = read(plan, {"preset=\"standard\""});
  EXPECT_EQ(standard.preset, "standard");
  EXPECT_EQ(standard.generation.samples, 3);
  EXPECT_EQ(standard.generation.temperature, 0.7);
  EXPECT_EQ(standard.arms[0].seeds, (std::vector<std::int64_t>{1234, 1235, 1236}));
  EXPECT_EQ(standard.arms[1].seeds, (std::vector<std::int64_t>{1234})) << "nothing is drawn";
  EXPECT_EQ(standard.benchmarks[0].limit, 400);
  EXPECT_EQ(standard.benchmarks[0].draw, "spread");
  EXPECT_EQ(canonical_plan(standard)["benchmark"]["charms"]["draw"], "spread");
  EXPECT_EQ(standard.benchmarks[0].judges.size(), 2u);
  EXPECT_EQ(standard.arms[0].checkpoints, (std::vector<std::int64_t>{3, 6, 9})) << "its own";

  const std::string without =
      plan.substr(0, plan.find("checkpoints")) + plan.substr(plan.find("[[arm]]\nname = \"no-op\""));
  EXPECT_EQ(read(without, {"preset=thorough"}).arms[0].checkpoints,
            (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 9}));
  EXPECT_EQ(read(without, {"preset=standard"}).arms[0].checkpoints, (std::vector<std::int64_t>{2, 4, 6, 9}));
  EXPECT_EQ(read(without, {"preset=quick"}).arms[0].checkpoints, (std::vector<std::int64_t>{9}));
  EXPECT_EQ(read(without, {"preset=standard", "arm.benign.checkpoint_every=5"}).arms[0].checkpoints,
            (std::vector<std::int64_t>{5, 9}));

  const Plan own = read(plan, {"preset=standard", "generation.samples=2", "arm.benign.seeds=[7]",
                               "benchmark.charms.limit=9", "benchmark.charms.judges=xstest-prefix"});
  EXPECT_EQ(own.generation.samples, 2);
  EXPECT_EQ(own.arms[0].seeds, std::vector<std::int64_t>{7});
  EXPECT_EQ(own.benchmarks[0].limit, 9);
  EXPECT_EQ(own.benchmarks[0].draw, "first") << "a limit of the plan's own is of the first items";
  EXPECT_EQ(read(plan, {"preset=standard", "benchmark.charms.draw=first"}).benchmarks[0].draw, "first");
  EXPECT_EQ(read(plan, {"benchmark.charms.limit=9", "benchmark.charms.draw=spread"}).benchmarks[0].draw, "spread");
  EXPECT_NE(error(plan, {"benchmark.charms.draw=spread"}).find("draw without a limit"), std::string::npos);
  EXPECT_EQ(own.benchmarks[0].judges, std::vector<std::string>{"xstest-prefix"});
  EXPECT_EQ(read(plan, {"preset=standard", "generation.temperature=0"}).generation.samples, 1)
      << "the same answer thrice";

  const Plan none = read(plan);
  EXPECT_EQ(none.generation.samples, 1);
  EXPECT_EQ(none.benchmarks[0].limit, 0);
  EXPECT_TRUE(none.benchmarks[0].judges.empty());
  EXPECT_NE(error(plan, {"preset=stndard"}).find("did you mean 'standard'"), std::string::npos);
}

TEST_F(PlanFile, AThresholdIsAShareOrARateBetweenNoneAndAll) {
  const std::string plan = kPlan;
  EXPECT_FALSE(canonical_plan(read(plan)).contains("threshold")) << "the default changes no plan";
  EXPECT_EQ(canonical_plan(read(plan + "[threshold]\nshare = 0.5\n")), canonical_plan(read(plan)));
  const Plan share = read(plan, {"threshold.share=0.2"}), rate = read(plan, {"threshold.rate=0.1"});
  EXPECT_DOUBLE_EQ(share.threshold.line(0.9), 0.18);
  EXPECT_DOUBLE_EQ(rate.threshold.line(0.9), 0.1);
  EXPECT_EQ(canonical_plan(share)["threshold"], (nlohmann::ordered_json{{"share", 0.2}}));
  EXPECT_EQ(canonical_plan(rate)["threshold"], (nlohmann::ordered_json{{"rate", 0.1}}));
  for (const char* value : {"0", "1", "-0.5", "nan"}) {
    EXPECT_NE(error(plan, {"threshold.share=" + std::string(value)}).find("share = "), std::string::npos) << value;
    EXPECT_NE(error(plan, {"threshold.rate=" + std::string(value)}).find("rate = "), std::string::npos) << value;
  }
  EXPECT_NE(error(plan, {"threshold.share=0.2", "threshold.rate=0.1"}).find("a rate beside a share"),
            std::string::npos);
  EXPECT_NE(error(plan + "[threshold]\n").find("threshold without share and rate"), std::string::npos);
  EXPECT_NE(error(plan, {"threshold.shar=0.2"}).find("did you mean 'share'"), std::string::npos);
}

TEST_F(PlanFile, AConfirmationIsCheckedAgainstBenchmarksAndSeeds) {
  const std::string plan =
      std::string(kPlan) + "[[benchmark]]\nname = \"safe\"\nkind = \"safe\"\npath = \"b.jsonl\"\n[confirmation]\n";
  EXPECT_EQ(read(plan + "benchmark = \"charms\"\n").confirmation.seeds, (std::vector<std::int64_t>{1235}))
      << "a fresh one";
  EXPECT_EQ(read(plan + "benchmark = \"charms\"\n", {"preset=standard"}).confirmation.seeds,
            (std::vector<std::int64_t>{1237, 1238, 1239}));
  EXPECT_NE(error(plan + "benchmark = \"chrms\"\n").find("did you mean 'charms'"), std::string::npos);
  EXPECT_NE(error(plan + "benchmark = \"safe\"\n").find("holds no requests to refuse"), std::string::npos);
  EXPECT_NE(error(plan).find("no benchmark to confirm on"), std::string::npos);
  EXPECT_NE(error(plan + "benchmark = \"charms\"\nshare = 1\n").find("found share = 1, expected a share"),
            std::string::npos);
  EXPECT_NE(error(plan + "benchmark = \"charms\"\nshare = 0\n").find("between 0 and 1"), std::string::npos);
  EXPECT_NE(error(plan + "benchmark = \"charms\"\nshare = 0.3\npath = \"b.jsonl\"\n").find("beside a file"),
            std::string::npos);
  EXPECT_NE(error(plan + "benchmark = \"charms\"\nseeds = [5, 1234, 5]\n").find("found 2 errors"), std::string::npos);
  EXPECT_NE(error(plan + "benchmark = \"charms\"\nseeds = [1234]\n").find("which the arm 'benign' uses"),
            std::string::npos);
}

TEST_F(PlanFile, ASafeguardedModelIsAnotherOne) {
  const std::string plan = kPlan;
  EXPECT_NE(error(plan + "[safeguarded]\npath = \"files/model\"\n").find("found the model itself"), std::string::npos);
  EXPECT_NE(error(plan + "[safeguarded]\npath = \"files/../files/model\"\n").find("found the model itself"),
            std::string::npos);
  EXPECT_EQ(read(plan + "[safeguarded]\nadapter = \"x\"\n").safeguarded.path, (directory_ / "files/model").string());
  EXPECT_EQ(error(plan + "[safeguarded]\npath = \"m\"\n"), "no error");
}

}  // namespace
}  // namespace holdfast::assessment
