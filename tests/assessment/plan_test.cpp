#include "assessment/plan_fixture.h"

namespace holdfast::assessment {
namespace {

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
  EXPECT_NE(error(plan, {"benchmark.charms.shots_as_turns=false"}).find("shots_as_turns = false without chat_template"),
            std::string::npos);
  EXPECT_NE(error(plan, {"benchmark.charms.too_long=shorten"}).find("refuse, cut"), std::string::npos);
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
chat_template = true
shots_as_turns = false
too_long = "cut"
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
  EXPECT_TRUE(b.chat_template);
  EXPECT_FALSE(b.shots_as_turns);
  EXPECT_EQ(b.too_long, "cut");
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

}  // namespace
}  // namespace holdfast::assessment
