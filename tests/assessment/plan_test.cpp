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
    fs::create_directories(directory_);
  }
  ~PlanFile() override { fs::remove_all(directory_); }
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
                                 "generation.wave=3", "seed=5", "data=/elsewhere"});
  EXPECT_EQ(plan.arms[0].lr, 0.5);
  EXPECT_EQ(plan.arms[0].checkpoints, (std::vector<std::int64_t>{2, 9}));
  EXPECT_EQ(plan.benchmarks[0].limit, 7);
  EXPECT_EQ(plan.generation.wave, 3);
  EXPECT_EQ(plan.seed, 5);
  EXPECT_EQ(plan.model.path, "/elsewhere/model");
}

TEST_F(PlanFile, NamesPlaceAndFault) {
  const std::string plan = kPlan;
  EXPECT_NE(error(plan + "stepz = 3\n").find("plan.toml:13: found the key 'stepz'"), std::string::npos)
      << error(plan + "stepz = 3\n");
  EXPECT_NE(error(plan + "stepz = 3\n").find("did you mean 'steps'"), std::string::npos);
  EXPECT_NE(error(plan + "rank = \"big\"\n").find("expected a whole number"), std::string::npos);
  EXPECT_NE(error(plan + "rank = 0\n").find("expected 1 or more"), std::string::npos);
  EXPECT_NE(error(plan + "schedule = \"wavy\"\n").find("constant, linear, cosine"), std::string::npos);
  EXPECT_NE(error(plan, {"arm.nobody.lr=1"}).find("no arm named 'nobody'"), std::string::npos);
  EXPECT_NE(error(plan, {"arm.benign.checkpoints=[10]"}).find("checkpoint 10, expected 1 .. 9"), std::string::npos);
  EXPECT_NE(error("x = [").find("no TOML"), std::string::npos);
  EXPECT_NE(error("[model]\npath = \"{nowhere}/m\"\n").find("--set nowhere=DIRECTORY"), std::string::npos);
  EXPECT_NE(error("name = \"x\"\n[model]\npath = \"m\"\n").find("found no benchmark"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::assessment
