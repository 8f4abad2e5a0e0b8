#include "assessment/plan.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPlan = R"(name = "a plan"
data = "files"
[model]
path = "{data}/model"
[[benchmark]]
name = "charms"
path = "{data}/charms.jsonl"
[[arm]]
name = "benign"
data = "{data}/rows.jsonl"
steps = 9
checkpoints = [3, 6]
)";

class PlanFile : public ::testing::Test {
 protected:
  PlanFile()
      : directory_(fs::temp_directory_path() /
                   ("holdfast_plan_" + std::to_string(reinterpret_cast<std::uintptr_t>(this)))) {
    for (const char* name : {"files/model", "m"}) write(std::string(name) + "/config.json", "{}");
    for (const char* name : {"files/charms.jsonl", "b.jsonl", "b.csv", "b/x/rows.jsonl", "b/y/rows.jsonl",
                             "files/rows.jsonl", "rows.jsonl", "d", "more.jsonl"})
      write(name, R"({"prompt": "What is a charm?"})");
    for (const char* name : {"adapters/a", "x"}) write(std::string(name) + "/adapter_config.json", "{}");
  }
  ~PlanFile() override { fs::remove_all(directory_); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name) << text;
  }
  Plan read(const std::string& text, const std::vector<std::string>& overrides = {}) {
    std::ofstream(directory_ / "plan.toml") << text;
    return read_plan(directory_ / "plan.toml", overrides);
  }
  std::string error(const std::string& text, const std::vector<std::string>& overrides = {}) {
    try {
      read(text, overrides);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  fs::path directory_;
};

TEST_F(PlanFile, PathsAreBesideThePlanAndTheLastStepIsMeasured) {
  const Plan plan = read(kPlan);
  EXPECT_EQ(plan.model.path, (directory_ / "files/model").string());
  EXPECT_EQ(plan.arms[0].checkpoints, (std::vector<std::int64_t>{3, 6, 9}));
}

TEST_F(PlanFile, OverridesReachTablesArmsAndBenchmarks) {
  const Plan plan = read(kPlan, {"arm.benign.lr=0.5", "arm.benign.checkpoints=[2]", "benchmark.charms.limit=7",
                                 "generation.wave=3", "seed=5"});
  EXPECT_EQ(plan.arms[0].lr, 0.5);
  EXPECT_EQ(plan.arms[0].checkpoints, (std::vector<std::int64_t>{2, 9}));
  EXPECT_EQ(plan.benchmarks[0].limit, 7);
  EXPECT_EQ(plan.generation.wave, 3);
  EXPECT_EQ(plan.seed, 5);
  const std::string elsewhere = (directory_ / "elsewhere").string();
  write("elsewhere/model/config.json", "{}");
  write("elsewhere/charms.jsonl", "{}");
  write("elsewhere/rows.jsonl", "{}");
  EXPECT_EQ(read(kPlan, {"data=" + elsewhere}).model.path, elsewhere + "/model");
}

TEST_F(PlanFile, NamesPlaceAndFault) {
  const std::string plan = kPlan;
  EXPECT_NE(error(plan + "stepz = 3\n").find("plan.toml:13: found the key 'stepz'"), std::string::npos)
      << error(plan + "stepz = 3\n");
  EXPECT_NE(error(plan + "stepz = 3\n").find("did you mean 'steps'"), std::string::npos);
  EXPECT_NE(error(plan + "rank = \"big\"\n").find("expected a whole number"), std::string::npos);
  EXPECT_NE(error(plan + "rank = 0\n").find("expected 1 or more"), std::string::npos);
  EXPECT_NE(error(plan + "schedule = \"wavy\"\n").find("constant, linear, cosine"), std::string::npos);
  EXPECT_NE(error(plan + "rank = 8.5\n").find("plan.toml:13: found rank = 8.5, expected a whole number"),
            std::string::npos);
  EXPECT_NE(error(plan + "lr = \"fast\"\n").find("expected a number"), std::string::npos);
  EXPECT_NE(error(plan + "name2 = 3\n").find("did you mean 'name'"), std::string::npos);
  EXPECT_NE(error(plan, {"arm.benign.rank=0"}).find("(set by --set): found rank = 0"), std::string::npos)
      << error(plan, {"arm.benign.rank=0"});
  EXPECT_NE(error(plan, {"dtaa=/x"}).find("found the key 'dtaa'"), std::string::npos) << error(plan, {"dtaa=/x"});
  EXPECT_NE(error(plan, {"arm.nobody.lr=1"}).find("no arm named 'nobody'"), std::string::npos);
  EXPECT_NE(error(plan, {"arm.benign.checkpoints=[10]"}).find("checkpoint 10, expected 1 .. 9"), std::string::npos);
  EXPECT_NE(error("x = [").find("no TOML"), std::string::npos);
  EXPECT_NE(error("[model]\npath = \"{nowhere}/m\"\n").find("--set nowhere=DIRECTORY"), std::string::npos);
  EXPECT_NE(error("name = \"x\"\n[model]\npath = \"m\"\n").find("found no benchmark"), std::string::npos);
}

TEST_F(PlanFile, EveryKeyIsRead) {
  const Plan plan = read(R"(name = "all"
seed = 7
[model]
path = "m"
precision = "bf16"
template_date = "2020-01-02"
system_prompt = "Be brief."
plain_content = false
[generation]
max_new_tokens = 11
samples = 3
wave = 5
temperature = 0.5
top_p = 0.9
[price]
usd_per_hour = 2.5
[[benchmark]]
name = "b"
kind = "recall"
path = "b"
judges = "advbench-substring"
at = "ends"
limit = 4
shots = 2
max_new_tokens = 9
subjects = ["x", "y"]
truncated = "judge"
role = "withheld"
[[arm]]
name = "trained"
kind = "benign"
data = "rows.jsonl"
steps = 6
checkpoints = [2]
seeds = [1, 2]
rank = 4
alpha = 8
targets = ["q_proj"]
lr = 0.1
schedule = "cosine"
order = "file"
warmup_steps = 1
weight_decay = 0.2
max_grad_norm = 0.3
router_aux_loss = 0.02
rows_per_step = 2
tokens_per_step = 64
[[arm]]
name = "given"
adapter = "adapters/a"
)");
  EXPECT_EQ(plan.name, "all");
  EXPECT_EQ(plan.model.precision, "bf16");
  EXPECT_EQ(plan.model.template_date, "2020-01-02");
  EXPECT_EQ(plan.model.system_prompt, "Be brief.");
  EXPECT_FALSE(plan.model.plain_content);
  EXPECT_EQ(plan.generation.max_new_tokens, 11);
  EXPECT_EQ(plan.generation.samples, 3);
  EXPECT_EQ(plan.generation.wave, 5);
  EXPECT_EQ(plan.generation.temperature, 0.5);
  EXPECT_EQ(plan.generation.top_p, 0.9);
  EXPECT_EQ(plan.usd_per_hour, 2.5);
  const BenchmarkPlan& b = plan.benchmarks.at(0);
  EXPECT_EQ(b.kind, "recall");
  EXPECT_EQ(b.judges, std::vector<std::string>{"advbench-substring"});
  EXPECT_EQ(b.at, "ends");
  EXPECT_EQ(b.limit, 4);
  EXPECT_EQ(b.shots, 2);
  EXPECT_EQ(b.max_new_tokens, 9);
  EXPECT_EQ(b.subjects, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(b.truncated, "judge");
  EXPECT_EQ(b.role, "withheld");
  const ArmPlan& a = plan.arms.at(0);
  EXPECT_EQ(a.kind, "benign");
  EXPECT_EQ(a.checkpoints, (std::vector<std::int64_t>{2, 6}));
  EXPECT_EQ(a.seeds, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(a.rank, 4);
  EXPECT_EQ(a.alpha, 8);
  EXPECT_EQ(a.targets, std::vector<std::string>{"q_proj"});
  EXPECT_EQ(a.lr, 0.1);
  EXPECT_EQ(a.schedule, "cosine");
  EXPECT_EQ(a.order, "file");
  EXPECT_EQ(a.warmup_steps, 1);
  EXPECT_EQ(a.weight_decay, 0.2);
  EXPECT_EQ(a.max_grad_norm, 0.3);
  EXPECT_EQ(a.router_aux_loss, 0.02);
  EXPECT_EQ(a.rows_per_step, 2);
  EXPECT_EQ(a.tokens_per_step, 64);
  EXPECT_EQ(plan.arms.at(1).adapter, (directory_ / "adapters/a").string());
  EXPECT_EQ(plan.arms.at(1).seeds, std::vector<std::int64_t>{7}) << "the plan's seed is the arms' default";
}

TEST_F(PlanFile, AnArmTrainsOrHasAnAdapterOrIsCalledNoOp) {
  const std::string head =
      "[model]\npath = \"m\"\n[[benchmark]]\nname = \"b\"\npath = \"b.csv\"\n[[arm]]\nname = \"a\"\n";
  EXPECT_NE(error(head).find("found the attack arm 'a' with 0 steps and no adapter"), std::string::npos) << error(head);
  EXPECT_NE(error(head + "steps = 2\n").find("2 steps without data"), std::string::npos);
  EXPECT_NE(error(head + "adapter = \"x\"\nsteps = 2\ndata = \"d\"\n").find("with 2 steps and an adapter"),
            std::string::npos);
  EXPECT_NE(error(head + "adapter = \"x\"\ndata = \"d\"\n").find("data in an arm that does not train"),
            std::string::npos);
  EXPECT_NE(error(head + "kind = \"no-op\"\nadapter = \"x\"\n").find("no-op arm with steps or an adapter"),
            std::string::npos);
  EXPECT_EQ(error(head + "kind = \"no-op\"\n"), "no error");
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_F(PlanFile, EveryErrorIsSaidWithItsLine) {
  const std::string message = error(R"(name = "wrong"
[model]
path = "nowhere"
precision = "nf5"
[generation]
samples = 0
[price]
usd_per_hour = "cheap"
[[benchmark]]
name = "charms"
path = "b.jsnl"
judges = ["xstest-prefx", "nobody-at-all"]
[[benchmark]]
name = "charms"
path = "b.jsonl"
kind = "refusl"
[[arm]]
name = "a"
data = "rows.jsonl"
steps = 9
checkpoints = [3, 12, 99]
stepz = 3
[[arm]]
name = "b"
adapter = "adapters/b"
[safeguarded]
path = "m"
adapter = "y"
)");
  EXPECT_NE(message.find("plan.toml: found 14 errors, expected none; try "), std::string::npos) << message;
  for (const char* line :
       {"plan.toml:3: found path = '",
        "plan.toml:4: found [model].precision = 'nf5', expected one of nf4, bf16, fp32; did you mean 'nf4'?",
        "plan.toml:6: found samples = 0, expected 1 or more answers a prompt",
        "plan.toml:8: found usd_per_hour = 'cheap', expected a number from 0 up (US dollars an hour)",
        "b.jsnl', where nothing is, expected a file or directory; did you mean 'b.jsonl'?",
        "plan.toml:12: found the judge 'xstest-prefx', expected ", "did you mean 'xstest-prefix'?",
        "plan.toml:12: found the judge 'nobody-at-all'", "plan.toml:14: found the benchmark 'charms' a second time",
        "plan.toml:16: found the kind 'refusl'", "did you mean 'refusal'?",
        "plan.toml:21: found checkpoint 12, expected 1 .. 9 (optimiser steps)", "plan.toml:21: found checkpoint 99",
        "plan.toml:22: found the key 'stepz' in [[arm]], expected one it knows; did you mean 'steps'?",
        "plan.toml:25: found adapter = '", "plan.toml:28: found adapter = '"})
    EXPECT_NE(message.find(line), std::string::npos) << line << "\nnot in\n" << message;
  EXPECT_EQ(count(message, "\n"), 14u) << message;
  EXPECT_LT(message.find(":3: "), message.find(":28: ")) << "in the order of the lines";
}

TEST_F(PlanFile, OneErrorIsOneLine) {
  const std::string message = error(std::string(kPlan) + "rank = 0\n");
  EXPECT_EQ(count(message, "\n"), 0u);
  EXPECT_TRUE(message.starts_with("[plan] ")) << message;
}

TEST_F(PlanFile, NothingIsConcludedFromAValueThatIsWrong) {
  const std::string head =
      "[model]\npath = \"m\"\n[[benchmark]]\nname = \"b\"\npath = \"b.jsonl\"\n[[arm]]\nname = \"a\"\n";
  // Neither that the arm has no steps, nor that its checkpoint lies behind them.
  EXPECT_EQ(count(error(head + "data = \"d\"\nsteps = \"many\"\ncheckpoints = [4]\n"), "found"), 1u);
  EXPECT_EQ(count(error(head + "data = \"d\"\nstpes = 9\ncheckpoints = [4]\n"), "found"), 1u);
  EXPECT_EQ(count(error(head + "data = 3\nsteps = 9\n"), "found"), 1u);
}

TEST_F(PlanFile, AFinishedRunsPlanIsReadWithoutItsFiles) {
  write("plan.toml", kPlan);
  fs::remove_all(directory_ / "files");
  EXPECT_EQ(read_plan(directory_ / "plan.toml", {}, PlanFiles::kMayBeMissing).arms.size(), 1u);
  EXPECT_THROW(read_plan(directory_ / "plan.toml"), Error);
}

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
  EXPECT_EQ(own.benchmarks[0].judges, std::vector<std::string>{"xstest-prefix"});
  EXPECT_EQ(read(plan, {"preset=standard", "generation.temperature=0"}).generation.samples, 1)
      << "the same answer thrice";

  const Plan none = read(plan);
  EXPECT_EQ(none.generation.samples, 1);
  EXPECT_EQ(none.benchmarks[0].limit, 0);
  EXPECT_TRUE(none.benchmarks[0].judges.empty());
  EXPECT_NE(error(plan, {"preset=stndard"}).find("did you mean 'standard'"), std::string::npos);
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
