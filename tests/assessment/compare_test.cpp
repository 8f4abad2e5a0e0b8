#include "assessment/compare.h"

#include <functional>

#include "assessment/fixtures.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

class Compare : public InDirectory {
 protected:
  // A run whose untouched model gave `outcomes`; `change` edits what the run is.
  template <typename Change>
  Journal run(const std::string& name, const std::string& outcomes, Change&& change) {
    ordered_json what = identity();
    what["plan"] = {{"generation", {{"max_new_tokens", 16}, {"temperature", 0.0}, {"top_p", 1.0}}}};
    what["provenance"]["benchmarks"] = {{{"name", "charms"}, {"path_sha256", "d"}, {"items", 4}, {"version", "1"}}};
    what["provenance"]["judges"] = {{{"name", "xstest-prefix"}, {"sha256", "j"}}};
    what["provenance"]["model"]["bos_token_id"] = 1;
    change(what);
    Journal journal = Journal::open(directory_ / name, what);
    if (!outcomes.empty()) add_charms(journal, {"base", 0, 0}, outcomes);
    return journal;
  }
  Journal run(const std::string& name, const std::string& outcomes) {
    return run(name, outcomes, [](ordered_json&) {});
  }
};

std::vector<std::string> names(const ordered_json& result) {
  std::vector<std::string> list;
  for (const auto& one : result["differences"]) list.push_back(one["name"]);
  return list;
}

TEST_F(Compare, PairsLikeRunsItemByItem) {
  const Journal first = run("a", "rrrrrc"), second = run("b", "rccccr");
  const auto result = compare_runs(first, second);
  EXPECT_EQ(result["is_comparable"], true);
  ASSERT_EQ(result["comparisons"].size(), 1u);
  const auto& one = result["comparisons"][0];
  EXPECT_EQ(one["lost"], 4);
  EXPECT_EQ(one["gained"], 1);
  EXPECT_NEAR(one["p"].get<double>(), 0.375, 1e-12);  // scipy 1.17 binomtest(1, 5).pvalue
}

// Each thing that moves a number, changed alone, is found and named, and nothing else is.
TEST_F(Compare, NamesEachThingThatMovesANumber) {
  struct Case {
    const char* name;
    std::function<void(ordered_json&)> change;
  };
  const std::vector<Case> cases = {
      {"weights", [](ordered_json& i) { i["provenance"]["model"]["weights_sha256"] = "other"; }},
      {"config", [](ordered_json& i) { i["provenance"]["model"]["config_sha256"] = "other"; }},
      {"tokenizer", [](ordered_json& i) { i["provenance"]["model"]["tokenizer_sha256"] = "other"; }},
      {"template", [](ordered_json& i) { i["provenance"]["model"]["template_sha256"] = "other"; }},
      {"template-date", [](ordered_json& i) { i["plan"]["model"]["template_date"] = "2020-01-01"; }},
      {"system-prompt", [](ordered_json& i) { i["plan"]["model"]["system_prompt"] = "Be brief."; }},
      {"plain-content", [](ordered_json& i) { i["plan"]["model"]["plain_content"] = false; }},
      {"precision", [](ordered_json& i) { i["provenance"]["model"]["precision"] = "fp32"; }},
      {"device", [](ordered_json& i) { i["provenance"]["device"] = "cuda:0"; }},
      {"program", [](ordered_json& i) { i["provenance"]["program"]["commit"] = "def"; }},
      {"sampling", [](ordered_json& i) { i["plan"]["generation"]["top_p"] = 0.9; }},
      {"sampling", [](ordered_json& i) { i["samples"] = 3; }},
      {"benchmark.charms", [](ordered_json& i) { i["provenance"]["benchmarks"][0]["path_sha256"] = "other"; }},
      {"benchmark.charms", [](ordered_json& i) { i["plan"]["benchmark"]["charms"]["truncated"] = "judge"; }},
      {"judge.xstest-prefix", [](ordered_json& i) { i["provenance"]["judges"][0]["sha256"] = "other"; }},
  };
  const Journal first = run("a", "rrcc");
  int number = 0;
  for (const Case& one : cases) {
    const Journal second = run("b" + std::to_string(number++), "rrcc", one.change);
    const auto refused = compare_runs(first, second);
    EXPECT_EQ(refused["is_comparable"], false) << one.name;
    EXPECT_EQ(names(refused), std::vector<std::string>{one.name});
    EXPECT_TRUE(refused["comparisons"].empty());
    const std::string word = std::string(one.name).substr(0, std::string(one.name).find('.'));
    const auto allowed = compare_runs(first, second, {.allowed = {word}, .arms = {}});
    EXPECT_EQ(allowed["is_comparable"], true) << one.name;
    EXPECT_EQ(allowed["differences"][0]["is_allowed"], true) << "the report carries it";
    EXPECT_EQ(allowed["comparisons"].size(), 1u);
  }
}

TEST_F(Compare, TheSeedCountsOnlyWhereSomethingIsDrawn) {
  const auto seeded = [](double temperature, int seed) {
    return [=](ordered_json& i) {
      i["plan"]["generation"]["temperature"] = temperature;
      i["plan"]["seed"] = seed;
    };
  };
  EXPECT_EQ(compare_runs(run("a", "r", seeded(0, 1)), run("b", "r", seeded(0, 2)))["is_comparable"], true);
  EXPECT_EQ(compare_runs(run("c", "r", seeded(0.7, 1)), run("d", "r", seeded(0.7, 2)))["is_comparable"], false);
}

TEST_F(Compare, SeesOtherPromptTokensAndASecondBeginOfSequence) {
  const Journal first = run("a", "rr");
  Journal second = run("b", "");
  second.add_items({benchmark("charms", evaluation::Kind::kRefusal, 2)});
  second.add_cell({"base", 0, 0});
  auto stored = answers("rr", "xstest-prefix");
  stored[1].prompt_ids = {1, 1, 2, 3};
  second.commit_wave({{"base", 0, 0}, "charms", 0, 0}, stored, {});
  const auto result = compare_runs(first, second);
  EXPECT_EQ(names(result), (std::vector<std::string>{"prompts.charms", "bos.charms"}));
  EXPECT_EQ(result["differences"][0]["first"], "1 of 2 prompts in these tokens");
}

TEST_F(Compare, FindsItemsByTheirIdsNotTheirPlaces) {
  const Journal first = run("a", "rc");  // charms-0 refused, charms-1 not
  Journal second = run("b", "");
  evaluation::Benchmark turned = benchmark("charms", evaluation::Kind::kRefusal, 2);
  std::swap(turned.items[0], turned.items[1]);
  second.add_items({turned});
  second.add_cell({"base", 0, 0});
  second.commit_wave({{"base", 0, 0}, "charms", 0, 0}, answers("cr", "xstest-prefix"), {});
  const auto result = compare_runs(first, second);
  EXPECT_EQ(result["comparisons"][0]["lost"], 0);
  EXPECT_EQ(result["comparisons"][0]["gained"], 0);
}

TEST_F(Compare, AnArmOfOneRunMayStandBesideAnotherOfTheOther) {
  const Journal first = run("a", "rrrr");
  Journal second = run("b", "rrrr");
  add_charms(second, {"tuned", 7, 0}, "rccc");
  const auto result = compare_runs(first, second, {.allowed = {}, .arms = {"base=tuned"}});
  ASSERT_EQ(result["comparisons"].size(), 1u);
  EXPECT_EQ(result["comparisons"][0]["lost"], 3);
  EXPECT_NE(error_of([&] { compare_runs(first, second, {.allowed = {}, .arms = {"base=twned"}}); }).find("base, tuned"),
            std::string::npos);
  EXPECT_NE(error_of([&] { compare_runs(first, second, {.allowed = {"wheights"}, .arms = {}}); }).find("wheights"),
            std::string::npos);
}

// One comparison's p is 0.0625 (scipy 1.17 binomtest(0, 5).pvalue), the other's 0.125 (of 4): Holm doubles the first.
TEST_F(Compare, AdjustsForAllArmsTogether) {
  Journal first = run("a", "rrrrr"), second = run("b", "ccccc");
  add_charms(first, {"tuned", 7, 0}, "rrrrr");
  add_charms(second, {"tuned", 7, 0}, "ccccr");
  const auto result = compare_runs(first, second);
  ASSERT_EQ(result["comparisons"].size(), 2u);
  EXPECT_NEAR(result["comparisons"][0]["p_holm"].get<double>(), 0.125, 1e-12);
  EXPECT_NEAR(result["comparisons"][1]["p_holm"].get<double>(), 0.125, 1e-12);
  EXPECT_NEAR(result["comparisons"][1]["p"].get<double>(), 0.125, 1e-12);
}

}  // namespace
}  // namespace holdfast::assessment
