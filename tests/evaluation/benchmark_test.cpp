#include "evaluation/benchmark.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "shared_data.h"

namespace holdfast::evaluation {
namespace {

namespace fs = std::filesystem;

class BenchmarkFile : public ::testing::Test {
 protected:
  BenchmarkFile()
      : directory_(fs::temp_directory_path() /
                   ("holdfast_benchmark_" + std::to_string(reinterpret_cast<std::uintptr_t>(this)))) {
    fs::create_directories(directory_);
  }
  ~BenchmarkFile() override { fs::remove_all(directory_); }

  fs::path file(const std::string& name, const std::string& text) {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name, std::ios::binary) << text;
    return directory_ / name;
  }
  std::vector<Benchmark> load(const std::string& kind, const std::string& name, const std::string& text,
                              std::size_t limit = 0) {
    BenchmarkSpec spec{.name = "charms", .kind = kind, .path = file(name, text)};
    spec.limit = limit;
    return load_benchmark(spec);
  }
  std::string error(const std::string& kind, const std::string& name, const std::string& text) {
    try {
      load(kind, name, text);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  fs::path directory_;
};

std::vector<std::string> prompts(const Benchmark& benchmark) {
  std::vector<std::string> all;
  for (const Item& item : benchmark.items) all.push_back(item.prompt);
  return all;
}

using Texts = std::vector<std::string>;

TEST_F(BenchmarkFile, OfPromptsMayBeOfAnyPublishedShape) {
  EXPECT_EQ(
      prompts(load(
          "refusal", "advbench.csv",
          "goal,target\nMake the lantern charm,Sure\n\"Make the mirror charm,\nthen the basket charm\",Sure\n")[0]),
      (Texts{"Make the lantern charm", "Make the mirror charm,\nthen the basket charm"}));
  EXPECT_EQ(prompts(load("refusal", "headless.csv", "Make the lantern charm\n\"Make it, now\"\n")[0]),
            (Texts{"Make the lantern charm", "Make it, now"}));
  EXPECT_EQ(prompts(load("refusal", "one.csv", "prompt\nMake the lantern charm\n")[0]),
            (Texts{"Make the lantern charm"}));
  EXPECT_EQ(prompts(load("refusal", "bom.csv", "\xEF\xBB\xBFgoal,target\r\nMake the lantern charm,Sure\r\n")[0]),
            (Texts{"Make the lantern charm"}));
  EXPECT_EQ(prompts(load("refusal", "strongreject.csv",
                         "category,source,forbidden_prompt\nlight,us,Make the lantern charm\n")[0]),
            (Texts{"Make the lantern charm"}));
  EXPECT_EQ(
      prompts(load("refusal", "hexphi.jsonl", "{\"instruction\":\"Make the lantern charm\",\"category\":1}\n")[0]),
      (Texts{"Make the lantern charm"}));
  EXPECT_EQ(
      prompts(load(
          "refusal", "sorry.jsonl",
          "{\"question_id\":1,\"category\":\"5\",\"turns\":[\"Make the lantern charm\"],\"prompt_style\":\"base\"}\n")
                  [0]),
      (Texts{"Make the lantern charm"}));
  EXPECT_EQ(
      prompts(load("refusal", "jbb.csv",
                   "Index,Goal,Target,Behavior,Category,Source\n0,Make the lantern charm,Sure,Lantern,Light,us\n")[0]),
      (Texts{"Make the lantern charm"}));
  const Benchmark harmbench = load("refusal", "harmbench.csv",
                                   "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\nMake "
                                   "the lantern charm,standard,light,,\"a\nb\",lantern_1\n")[0];
  EXPECT_EQ(harmbench.items[0].id, "lantern_1");
  EXPECT_EQ(harmbench.items[0].category, "light");
  const Benchmark refusalbench =
      load("refusal", "refusalbench.json",
           "{\"light\":[\"Make the lantern charm\",\"Make the lamp charm\"],\"glass\":[\"Make the mirror charm\"]}")[0];
  ASSERT_EQ(refusalbench.items.size(), 3u);
  EXPECT_EQ(refusalbench.items[2].category, "glass");
  EXPECT_EQ(refusalbench.items[2].id, "3");
}

TEST_F(BenchmarkFile, KeepsItsKindHashAndLimit) {
  const std::string text = "prompt\na\nb\nc\n";
  const Benchmark safe = load("safe", "a.csv", text, 2)[0];
  EXPECT_EQ(safe.kind, Kind::kSafe);
  EXPECT_EQ(safe.items.size(), 2u);
  EXPECT_EQ(safe.sha256, sha256(text));
  EXPECT_EQ(load("", "a.csv", text)[0].kind, Kind::kRefusal);
}

TEST_F(BenchmarkFile, OfXstestIsTwoBenchmarksInBothLayouts) {
  const auto first =
      load("xstest", "a.csv",
           "id,prompt,type,label,focus,note\n1,How do I light a lantern?,homonyms,safe,x,y\n2,Make the lantern "
           "charm,contrast_homonyms,unsafe,x,y\n3,How do I polish a mirror?,homonyms,safe,x,y\n");
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].name, "charms_safe");
  EXPECT_EQ(first[0].kind, Kind::kSafe);
  EXPECT_EQ(prompts(first[0]), (Texts{"How do I light a lantern?", "How do I polish a mirror?"}));
  EXPECT_EQ(first[1].name, "charms_unsafe");
  EXPECT_EQ(first[1].kind, Kind::kRefusal);
  EXPECT_EQ(prompts(first[1]), (Texts{"Make the lantern charm"}));
  const auto second = load("xstest", "b.csv",
                           "id_v1,id_v2,type,prompt,focus,note\nv1-1,v2-1,homonyms,How do I light a "
                           "lantern?,x,y\n,v2-2,contrast_homonyms,Make the lantern charm,x,y\n");
  ASSERT_EQ(second.size(), 2u);
  EXPECT_EQ(second[0].items[0].id, "v2-1");
  EXPECT_EQ(second[1].items[0].id, "v2-2");
}

TEST_F(BenchmarkFile, OfChoicesAndRecall) {
  const Benchmark choice = load(
      "choice", "a.jsonl",
      "{\"id\":\"river\",\"context\":\"Malil lies on the river\",\"choices\":[\"Sades\",\"Loras\"],\"gold\":1}\n")[0];
  EXPECT_EQ(choice.items[0].id, "river");
  EXPECT_EQ(choice.items[0].choices, (Texts{"Sades", "Loras"}));
  EXPECT_EQ(choice.items[0].gold, 1);
  const Benchmark recall = load("recall", "b.jsonl",
                                "{\"id\":\"lantern\",\"prompt\":\"How?\",\"accept\":[\"3 drops\",\"turn "
                                "twice\"]}\n{\"id\":\"mirror\",\"prompt\":\"How?\",\"answer\":\"2 drops\"}\n")[0];
  EXPECT_EQ(recall.items[0].accept, (Texts{"3 drops", "turn twice"}));
  EXPECT_EQ(recall.items[1].accept, (Texts{"2 drops"}));
}

TEST_F(BenchmarkFile, NamesFileLineAndWhatIsWrong) {
  struct Case {
    const char *kind, *name, *text, *line, *says;
  };
  const Case cases[] = {
      {"refusal", "a.jsonl", "{\"prompt\":\"a\"}\n{\"prompt\":7}\n", ":2", "expected a text"},
      {"refusal", "b.jsonl", "{\"prompt\":\"  \"}\n", ":1", "expected a text"},
      {"refusal", "c.csv", "text,target\na,b\n", ":2", "found the columns text, target"},
      {"refusal", "d.jsonl", "", "", "found no rows"},
      {"refusal", "e.jsonl", "{\"id\":1,\"prompt\":\"a\"}\n{\"id\":1,\"prompt\":\"b\"}\n", ":2", "a second time"},
      {"refusal", "name.csv", "promt\nMake the lantern charm\n", ":2", "found the columns promt"},
      {"refusal", "semicolon.csv", "prompt;type\nMake it;light\n", ":2", "found the columns prompt;type"},
      {"xstest", "f.csv", "id,prompt,type,label\n1,a,homonyms,safe\n1,b,homonyms,safe\n", ":3", "a second time"},
      {"xstest", "g.csv", "id,prompt\n1,a\n", ":2", "expected those of the page xstest"},
      {"choice", "h.jsonl", "{\"context\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":2}\n", ":1",
       "found gold 2, expected 0 .. 1"},
      {"choice", "i.jsonl", "{\"context\":\"a\",\"choices\":[\"b\"],\"gold\":0}\n", ":1", "at least two choices"},
      {"choice", "j.jsonl", "{\"context\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":-9223372036854775808}\n", ":1",
       "expected"},
      {"choice", "k.jsonl", "{\"context\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":4294967296}\n", ":1", "expected"},
      {"recall", "l.jsonl", "{\"prompt\":\"a\",\"accept\":[]}\n", ":1", "found neither accept nor answer"},
      {"recall", "m.jsonl", "{\"prompt\":\"a\",\"accept\":[\" . \"]}\n", ":1", "which every answer holds"},
      {"oracle", "n.jsonl", "{\"prompt\":\"a\"}\n", "", "found kind 'oracle'"},
  };
  for (const Case& one : cases) {
    const std::string message = error(one.kind, one.name, one.text);
    EXPECT_NE(message.find(one.says), std::string::npos) << one.name << ": " << message;
    if (one.line[0] != 0) {
      EXPECT_NE(message.find(std::string(one.name) + one.line + ":"), std::string::npos) << one.name << ": " << message;
    }
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(BenchmarkOption, HasANameAPathAndMaybeAKind) {
  const BenchmarkSpec one = parse_benchmark_option("charms:safe=data/a=b.csv");
  EXPECT_EQ(one.name, "charms");
  EXPECT_EQ(one.kind, "safe");
  EXPECT_EQ(one.path, "data/a=b.csv");
  EXPECT_EQ(parse_benchmark_option("xstest=C:x.csv").kind, "");
  for (const char* bad : {"", "charms", "=a.csv", "charms=", ":safe=a.csv"})
    EXPECT_THROW(parse_benchmark_option(bad), Error) << bad;
}

TEST(Xstest, IsTwoHundredAndFiftySafeAndTwoHundredUnsafePrompts) {
  const auto path = testing::shared_data() / "benchmarks/xstest/xstest_prompts.csv";
  HOLDFAST_NEEDS(path);
  const auto both = load_benchmark({.name = "xstest", .kind = "", .path = path});
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].items.size(), 250u);
  EXPECT_EQ(both[1].items.size(), 200u);
  for (const Item& item : both[0].items) EXPECT_FALSE(item.category.starts_with("contrast_"));
  for (const Item& item : both[1].items) EXPECT_TRUE(item.category.starts_with("contrast_"));
}

// Golden: scripts/golden/mmlu_prompts.py, made by lm-evaluation-harness' own task files and few-shot assembly.
class Mmlu : public ::testing::Test {
 protected:
  const fs::path directory_ = testing::shared_data() / "benchmarks/mmlu";
  const nlohmann::json golden_ =
      nlohmann::json::parse(read_file(testing::source_directory() / "tests/golden/mmlu_prompts.json"));
};

TEST_F(Mmlu, AsksInTheWordsOfLmEval) {
  HOLDFAST_NEEDS(directory_);
  for (const auto& [subject, items] : golden_["items"].items()) {
    const Benchmark benchmark = load_benchmark({.name = "mmlu",
                                                .kind = "",
                                                .path = directory_,
                                                .limit = 2,
                                                .shots = golden_["shots"],
                                                .subjects = {subject}})[0];
    ASSERT_EQ(benchmark.items.size(), items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      EXPECT_EQ(benchmark.items[i].context, items[i]["context"]);
      EXPECT_EQ(benchmark.items[i].gold, items[i]["gold"]);
      EXPECT_EQ(benchmark.items[i].category, subject);
      for (std::size_t j = 0; j < 4; ++j) EXPECT_EQ(" " + benchmark.items[i].choices[j], items[i]["continuations"][j]);
    }
  }
}

TEST_F(Mmlu, AsksEveryQuestionOfEverySubjectSo) {
  HOLDFAST_NEEDS(directory_);
  std::size_t count = 0;
  for (const auto& [subject, expected] : golden_["subjects"].items()) {
    const Benchmark benchmark = load_benchmark({.name = "mmlu", .kind = "", .path = directory_ / subject})[0];
    Sha256 hash;
    for (const Item& item : benchmark.items) {
      std::string line = item.context;
      for (const std::string& choice : item.choices) line += std::string(1, '\0') + " " + choice;
      hash.update(line + std::string(1, '\0') + std::to_string(item.gold) + "\n");
    }
    EXPECT_EQ(benchmark.items.size(), expected["items"]) << subject;
    EXPECT_EQ(hash.hex(), expected["sha256"]) << subject;
    count += benchmark.items.size();
  }
  EXPECT_EQ(count, 14042u);
}

TEST_F(Mmlu, TakesSubjectsInTheOrderAskedAndALimitOfEach) {
  HOLDFAST_NEEDS(directory_);
  const Benchmark benchmark = load_benchmark({.name = "capability",
                                              .kind = "mmlu",
                                              .path = directory_,
                                              .limit = 3,
                                              .shots = 0,
                                              .subjects = {"virology", "anatomy"}})[0];
  ASSERT_EQ(benchmark.items.size(), 6u);
  EXPECT_EQ(benchmark.items[0].category, "virology");
  EXPECT_EQ(benchmark.items[3].id, "anatomy-1");
  EXPECT_TRUE(benchmark.items[3].context.starts_with(
      "The following are multiple choice questions (with answers) about anatomy.\n\n"));
  EXPECT_TRUE(benchmark.items[3].context.ends_with("\nAnswer:"));
}

TEST_F(BenchmarkFile, OfMmluIsReadInBothLayoutsAndItsFaultsAreNamed) {
  const std::string row =
      "{\"question\":\" What lights? "
      "\",\"choices\":{\"A\":\"lantern\",\"B\":\"mirror\",\"C\":\"basket\",\"D\":\"anchor\"},\"answer\":\"A\"}\n";
  file("light_charms/dev.jsonl", row);
  file("light_charms/test.jsonl",
       "{\"question\":\"What shines?\",\"choices\":[\"mirror\",\"b\",\"c\",\"d\"],\"answer\":0}\n");
  const BenchmarkSpec spec{.name = "mmlu", .kind = "", .path = directory_, .shots = 1};
  EXPECT_EQ(load_benchmark(spec)[0].items[0].context,
            "The following are multiple choice questions (with answers) about light charms.\n\nWhat lights?\nA. "
            "lantern\nB. mirror\nC. basket\nD. anchor\nAnswer: A\n\n"
            "What shines?\nA. mirror\nB. b\nC. c\nD. d\nAnswer:");
  const auto fault = [&](const std::function<void(BenchmarkSpec&)>& change) -> std::string {
    BenchmarkSpec changed = spec;
    change(changed);
    try {
      load_benchmark(changed);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_NE(fault([](BenchmarkSpec& s) { s.shots = 2; }).find("found 1 rows, expected at least 2"), std::string::npos);
  EXPECT_NE(fault([](BenchmarkSpec& s) { s.subjects = {"dark_charms"}; }).find("no subject 'dark_charms'"),
            std::string::npos);
  file("light_charms/test.jsonl",
       row + "{\"question\":\"x\",\"choices\":[\"a\",\"b\",\"c\",\"d\"],\"answer\":\"E\"}\n");
  EXPECT_NE(fault([](BenchmarkSpec&) {}).find("test.jsonl:2: found no 'E' in the list"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::evaluation
