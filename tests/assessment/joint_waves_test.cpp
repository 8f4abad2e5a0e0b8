// Cells that wait at the same time are measured together, and each as it is alone.
#include "assessment/tiny_run.h"
#include "checkpoint/hf_config.h"
#include "model/adapter.h"

namespace holdfast::assessment {
namespace {

// A PEFT directory whose adapter changes what the tiny model says.
void write_adapter(const fs::path& model, const fs::path& directory, std::uint64_t seed) {
  checkpoint::AdapterConfig config;
  config.target_modules = {"all-linear"};
  model::Adapter adapter = model::Adapter::fresh(checkpoint::read_config(model), config, seed);
  Random random(seed);
  float* numbers = adapter.flat().data_ptr<float>();
  for (std::int64_t i = 0; i < adapter.flat().numel(); ++i) numbers[i] += static_cast<float>(random.uniform() - 0.5);
  adapter.save(directory);
}

TEST_F(TinyRun, AdaptersThatAreMeasuredTogetherAnswerAsEachDoesAlone) {
  std::string plan = read("plan.toml"), arms;
  plan.resize(plan.find("[[arm]]"));
  const std::vector<std::string> names = {"a", "b", "c"};
  for (const std::string& name : names) {
    write_adapter(directory_ / "model", directory_ / name, static_cast<std::uint64_t>(name[0]));
    arms += "[[arm]]\nname = \"" + name + "\"\nadapter = \"" + name + "\"\n";
  }
  const std::vector<std::string> drawn = {"generation.temperature=0.9", "generation.samples=2"};
  write("plan.toml", plan + arms);
  run("together");
  run("together_drawn", drawn);
  EXPECT_NE(answers_of("together", "a"), answers_of("together", "b"));
  EXPECT_NE(answers_of("together", "a"), answers_of("together", "base"));
  for (const std::string& name : names) {
    write("plan.toml", plan + "[[arm]]\nname = \"" + name + "\"\nadapter = \"" + name + "\"\n");
    run("alone_" + name);
    run("drawn_" + name, drawn);
    for (const std::string& arm : {name, std::string("base")}) {
      EXPECT_EQ(answers_of("together", arm), answers_of("alone_" + name, arm)) << name;
      EXPECT_EQ(answers_of("together_drawn", arm), answers_of("drawn_" + name, arm)) << name;
    }
  }
  // One pass for all: the scored endings, as many tokens for each, took each a quarter of the same seconds.
  std::vector<double> seconds;
  for (const PhaseRecord& phase : Journal::open_existing(directory_ / "together").phases())
    if (phase.phase == "score") seconds.push_back(phase.seconds);
  ASSERT_EQ(seconds.size(), 4);
  for (const double one : seconds) EXPECT_DOUBLE_EQ(one, seconds[0]);
}

// A kill may come between the commits of a joint wave, and a plan may have more cells than are put to the model at
// once.
TEST_F(TinyRun, AJointWaveOfWhichHalfIsThereIsMadeWhole) {
  std::string plan = read("plan.toml");
  plan.resize(plan.find("[[arm]]"));
  for (const std::string name : {"a", "b"}) {
    write_adapter(directory_ / "model", directory_ / name, static_cast<std::uint64_t>(name[0]));
    plan += "[[arm]]\nname = \"" + name + "\"\nadapter = \"" + name + "\"\n";
  }
  write("plan.toml", plan);
  run("out");
  const std::string results = read("out/results.json"), items = read("out/items.csv");
  for (const char* statement :
       {"DELETE FROM verdicts WHERE answer IN (SELECT id FROM answers WHERE position > 2 AND cell IN (SELECT id FROM "
        "cells WHERE arm IN ('base', 'b')))",
        "DELETE FROM answers WHERE position > 2 AND cell IN (SELECT id FROM cells WHERE arm IN ('base', 'b'))",
        "DELETE FROM waves WHERE number > 0 AND cell IN (SELECT id FROM cells WHERE arm IN ('base', 'b'))",
        "DELETE FROM events WHERE event = 'finish'"})
    Database((directory_ / "out/journal.sqlite").string(), Access::kWrite).execute(statement);
  fs::remove(directory_ / "out/results.json");
  run("out");
  EXPECT_EQ(read("out/results.json"), results);
  EXPECT_EQ(read("out/items.csv"), items);
}

}  // namespace
}  // namespace holdfast::assessment
