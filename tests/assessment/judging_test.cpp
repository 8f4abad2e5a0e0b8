#include "assessment/judging.h"

#include "assessment/fixtures.h"
#include "assessment/results.h"
#include "base/hash.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;
using evaluation::Failure;
using evaluation::Outcome;
using nlohmann::ordered_json;

// A finished run of the benchmark "charms", judged by xstest-prefix alone or by others of the plan too.
class Judging : public InDirectory {
 protected:
  ordered_json identity_with(const std::vector<std::string>& judges) const {
    ordered_json one = identity();
    one["plan"] = {{"generation", {{"wave", 2}}}, {"benchmark", {{"charms", {{"judges", judges}}}}}};
    one["kinds"] = {{"charms", "refusal"}};
    Digests digests;
    std::vector<std::string> sorted = judges;
    std::sort(sorted.begin(), sorted.end());
    for (const std::string& judge : sorted)
      one["provenance"]["judges"].push_back({{"name", judge}, {"sha256", Judges().sha256(judge, digests)}});
    one["provenance"]["plan_sha256"] = sha256(one["plan"].dump());
    return one;
  }
  void make_run(const fs::path& out, const std::vector<std::string>& judges) const {
    Journal journal = Journal::open(directory_ / out, identity_with(judges));
    journal.add_items({benchmark("charms", evaluation::Kind::kRefusal, 5)});
    journal.add_cell({"base", 0, 0});
    auto wave = answers("ccccc", "");
    const char* texts[] = {"I cannot say.", "That is illegal.", "Two drops of velmor.", "...", "I will not, sadly."};
    for (std::size_t i = 0; i < wave.size(); ++i) {
      wave[i].text = texts[i];
      wave[i].verdicts.clear();
      for (const std::string& judge : judges)
        wave[i].verdicts.push_back(
            {judge, Judges().list(judge)->judge({{}, texts[i], false}, evaluation::TruncatedPolicy::kDegenerate)});
    }
    journal.commit_wave({{"base", 0, 0}, "charms", 0, 0}, wave, {});
    journal.mark_finished();
  }
  std::string outcomes(const fs::path& out, const std::string& judge) const {
    std::string text;
    for (const ItemRow& row : Journal::open_existing(directory_ / out).rows())
      if (row.judge == judge) text += *evaluation::outcome_name(row.verdict.outcome);
    return text;
  }
};

TEST_F(Judging, AgainGivesTheBytesOfARunThatHadTheJudgesFromTheStart) {
  make_run("whole", {"xstest-prefix", "qi-substring", "durability-substring"});
  write_outputs(Journal::open_existing(directory_ / "whole"), directory_ / "whole");
  make_run("later", {"xstest-prefix"});
  judge_again(directory_ / "later", {parse_judge_option("qi-substring")}, {.show_progress = false});
  judge_again(directory_ / "later", {parse_judge_option("durability-substring")}, {.show_progress = false});
  for (const char* file : {"items.csv", "results.json"})
    EXPECT_TRUE(read(fs::path("later") / file) == read(fs::path("whole") / file)) << file;
  EXPECT_EQ(Journal::open_existing(directory_ / "later").identity(),
            Journal::open_existing(directory_ / "whole").identity());
  EXPECT_EQ(outcomes("later", "xstest-prefix"), "rccdc");
  EXPECT_EQ(outcomes("later", "qi-substring"), "rrcdc");
  EXPECT_EQ(outcomes("later", "durability-substring"), "rrcdr");
}

TEST_F(Judging, GoesOnWhereItWasKilled) {
  make_run("run", {"xstest-prefix"});
  make_run("killed", {"xstest-prefix"});
  const auto judge = parse_judge_option("qi-substring");
  judge_again(directory_ / "run", {judge}, {.show_progress = false});
  judge_again(directory_ / "killed", {judge}, {.show_progress = false});
  Database((directory_ / "killed/journal.sqlite").string(), Access::kWrite)
      .execute("UPDATE verdicts SET outcome = 3, failure = 7 WHERE judge = 'qi-substring' AND answer > 2");
  EXPECT_EQ(outcomes("killed", "qi-substring"), "rruuu");
  judge_again(directory_ / "killed", {judge}, {.show_progress = false});
  EXPECT_EQ(read("killed/items.csv"), read("run/items.csv"));
}

TEST_F(Judging, AListOfTheUsersThatChangedJudgesAllAnswersAgain) {
  make_run("run", {"xstest-prefix"});
  const std::string head = "name = \"mine\"\nmatch = \"substring\"\nstrings = [";
  write("mine.toml", head + "\"drops\"]\n");
  const std::string option = "list:" + (directory_ / "mine.toml").string();
  judge_again(directory_ / "run", {parse_judge_option(option)}, {.show_progress = false});
  EXPECT_EQ(outcomes("run", "mine"), "ccrdc");
  const auto hash = [&] { return Journal::open_existing(directory_ / "run").identity()["provenance"]["judges"][0]; };
  const auto before = hash();
  write("mine.toml", head + "\"illegal\"]\n");
  judge_again(directory_ / "run", {parse_judge_option(option)}, {.show_progress = false});
  EXPECT_EQ(outcomes("run", "mine"), "crcdc");
  EXPECT_EQ(before["name"], "mine");
  EXPECT_NE(hash(), before);
  EXPECT_EQ(Journal::open_existing(directory_ / "run").rows().size(), 10u);
}

TEST_F(Judging, SaysWhatCannotBeJudged) {
  EXPECT_NE(error_of([&] { judge_again(directory_, {parse_judge_option("qi-substring")}); }).find("found none in"),
            std::string::npos);
  make_run("run", {"xstest-prefix"});
  EXPECT_NE(error_of([&] { judge_again(directory_ / "run", {parse_judge_option("oracle")}); }).find("found 'oracle'"),
            std::string::npos);
  fs::create_directories(directory_ / "old");
  fs::copy_file(fs::path(HOLDFAST_SOURCE_DIR) / "tests/golden/journal_schema2.sqlite",
                directory_ / "old/journal.sqlite");
  const Journal old = Journal::open_for_judging(directory_ / "old");
  EXPECT_EQ(old.questions({{1, 0}}, false)[0].answer.text, "I cannot say.");
  EXPECT_NE(error_of([&] { old.questions({{1, 0}}, true); }).find("does not hold the questions"), std::string::npos);
}

TEST_F(Judging, CallsStandInTheJournal) {
  make_run("run", {"xstest-prefix"});
  Journal journal = Journal::open_for_judging(directory_ / "run");
  journal.record_call("m", {"hash", 1, 429, "{}", "slow", 0, 0, 0, 0.1});
  journal.record_call("m", {"hash", 2, 200, "{}", "first", 10, 2, 0.25, 0.1});
  journal.record_call("m", {"hash", 1, 200, "{}", "second", 10, 2, 0.5, 0.1});
  EXPECT_EQ(journal.call_responses("m", "hash"), (std::vector<std::string>{"second", "first"}));
  EXPECT_TRUE(journal.call_responses("other", "hash").empty());
  EXPECT_EQ(journal.spent_usd("m"), 0.75);
  EXPECT_EQ(journal.spent_usd("other"), 0);
}

TEST(JudgeOption, SaysAJudgeAsAPlanDoes) {
  EXPECT_EQ(parse_judge_option("qi-substring").kind, "");
  const JudgePlan model = parse_judge_option("model:/models/guard/,template=llama-guard,precision=bf16");
  EXPECT_EQ(model.name, "guard");
  EXPECT_EQ(model.precision, "bf16");
  const JudgePlan endpoint = parse_judge_option(
      "endpoint:https://host/v1,model=m,template=t,key_variable=KEY,max_usd=2,usd_per_million_prompt=1.5");
  EXPECT_EQ(endpoint.name, "m");
  EXPECT_EQ(endpoint.url, "https://host/v1");
  EXPECT_EQ(endpoint.max_usd, 2);
  for (const JudgePlan& one : {model, endpoint}) {
    const std::string toml = judge_toml(one);
    toml::table root = toml::parse(toml);
    Table table(*root["judge"].as_array()->get(0)->as_table(), "plan", "[[judge]]");
    EXPECT_EQ(judge_toml(read_judge(table)), toml);
    table.end();
  }
  EXPECT_NE(error_of([] { parse_judge_option("oracle:x"); }).find("of kind 'oracle'"), std::string::npos);
  EXPECT_NE(error_of([] { parse_judge_option("model:x"); }).find("without template"), std::string::npos);
  EXPECT_NE(error_of([] { parse_judge_option("model:x,template=t,precison=nf4"); }).find("'precison'"),
            std::string::npos);
  EXPECT_NE(error_of([] { parse_judge_option("endpoint:https://h/v1,model=m,template=t,max_usd=1"); }).find("prices"),
            std::string::npos);
}

}  // namespace
}  // namespace holdfast::assessment
