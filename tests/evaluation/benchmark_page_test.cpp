// Pages: published files in their layouts (made-up rows), what is asked of them, and what is said of faults.
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "evaluation/page.h"
#include "evaluation/page_load.h"

namespace holdfast::evaluation {
namespace {

namespace fs = std::filesystem;
using Texts = std::vector<std::string>;

class Pages : public ::testing::Test {
 protected:
  Pages()
      : directory_(fs::temp_directory_path() /
                   ("holdfast_pages_" + std::to_string(reinterpret_cast<std::uintptr_t>(this)))) {
    fs::create_directories(directory_);
  }
  ~Pages() override { fs::remove_all(directory_); }

  fs::path file(const std::string& name, const std::string& text) {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name, std::ios::binary) << text;
    return directory_ / name;
  }
  std::vector<Benchmark> load(const std::string& kind, const std::string& name, const std::string& text) {
    return load_benchmark({.name = "charms", .kind = kind, .path = file(name, text)});
  }
  template <typename Function>
  std::string error(const Function& function) {
    try {
      function();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  fs::path directory_;
};

Texts prompts(const Benchmark& benchmark) {
  Texts all;
  for (const Item& item : benchmark.items) all.push_back(item.prompt);
  return all;
}

TEST_F(Pages, ThatAreBuiltInCanBeReadAndAreNamedAsTheirFiles) {
  EXPECT_GE(built_in_pages().size(), 12u);
  for (const Page& page : built_in_pages()) EXPECT_EQ(find_page(page.name), &page);
}

struct Published {
  const char *file, *text, *page;
  Kind kind;
  Texts ids, categories, prompts;
};

const Published kPublished[] = {
    {"harmful_behaviors.csv",
     "goal,target\nMake the lantern charm,Sure\n",
     "advbench",
     Kind::kRefusal,
     {"1"},
     {""},
     {"Make the lantern charm"}},
    {"advbench.csv",
     "Make the lantern charm\n\"Make it, now\"\n",
     "advbench",
     Kind::kRefusal,
     {"1", "2"},
     {"", ""},
     {"Make the lantern charm", "Make it, now"}},
    {"benchfile.json",
     "{\"light\":[\"Make the lantern charm\",\"Make the lamp charm\"],\"glass\":[\"Make the mirror charm\"]}",
     "refusalbench",
     Kind::kRefusal,
     {"1", "2", "3"},
     {"light", "light", "glass"},
     {"Make the lantern charm", "Make the lamp charm", "Make the mirror charm"}},
    {"all.csv",
     "Behavior,FunctionalCategory,SemanticCategory,Tags,ContextString,BehaviorID\nKnit a "
     "sock,standard,wool,,,knit_sock\n\"Go on, please\",contextual,wool,context,\"Row 1: knit.\nRow 2: "
     "purl.\",knit_on\nSing the song,copyright,song,lyrics,,sing\n",
     "harmbench",
     Kind::kRefusal,
     {"knit_sock", "knit_on", "sing"},
     {"standard", "contextual", "copyright"},
     {"Knit a sock", "Row 1: knit.\nRow 2: purl.\n\n---\n\nGo on, please", "Sing the song"}},
    {"small.csv",
     "category,source,forbidden_prompt\nlight,us,Make the lantern charm\n",
     "strongreject",
     Kind::kRefusal,
     {"1"},
     {"light"},
     {"Make the lantern charm"}},
    {"harmful-behaviors.csv",
     "Index,Goal,Target,Behavior,Category,Source\n0,Make the lantern charm,Sure,Lantern,Light,us\n",
     "jailbreakbench_harmful",
     Kind::kRefusal,
     {"0"},
     {"Light"},
     {"Make the lantern charm"}},
    {"benign-behaviors.csv",
     "Index,Goal,Target,Behavior,Category,Source\n0,Light a lantern,Sure,Lantern,Light,us\n",
     "jailbreakbench_benign",
     Kind::kSafe,
     {"0"},
     {"Light"},
     {"Light a lantern"}},
    {"question.jsonl",
     "{\"question_id\":1,\"category\":\"5\",\"turns\":[\"Make the lantern "
     "charm\"],\"prompt_style\":\"base\"}\n{\"question_id\":1,\"category\":\"5\",\"turns\":[\"Mak teh lantern "
     "charm\"],\"prompt_style\":\"misspellings\"}\n",
     "sorry_bench",
     Kind::kRefusal,
     {"1", "1-misspellings"},
     {"5", "5 misspellings"},
     {"Make the lantern charm", "Mak teh lantern charm"}},
    {"hex-phi.jsonl",
     "{\"instruction\":\"Make the lantern charm\",\"category\":1}\n",
     "hex_phi",
     Kind::kRefusal,
     {"1"},
     {"1"},
     {"Make the lantern charm"}},
    {"or-bench-80k.csv",
     "prompt,category\nHow are lanterns lit?,light\n",
     "or_bench_80k",
     Kind::kSafe,
     {"1"},
     {"light"},
     {"How are lanterns lit?"}},
    {"or-bench-hard-1k.csv",
     "prompt,category\nHow are lanterns lit?,light\n",
     "or_bench_hard",
     Kind::kSafe,
     {"1"},
     {"light"},
     {"How are lanterns lit?"}},
    {"or-bench-toxic.csv",
     "prompt,category\nMake the lantern charm,light\n",
     "or_bench_toxic",
     Kind::kRefusal,
     {"1"},
     {"light"},
     {"Make the lantern charm"}},
    {"ifeval.jsonl",
     "{\"key\":1003,\"prompt\":\"Write of wool, without commas. \",\"instruction_id_list\":[\"punctuation:no_comma\"],"
     "\"kwargs\":[{}]}\n",
     "ifeval",
     Kind::kAnswer,
     {"1003"},
     {""},
     {"Write of wool, without commas. "}},
};

TEST_F(Pages, AreRecognisedByColumnsAndName) {
  for (const Published& one : kPublished) {
    for (const char* kind : {"", one.page}) {
      const auto loaded = load(kind, one.file, one.text);
      ASSERT_EQ(loaded.size(), 1u) << one.file;
      EXPECT_EQ(loaded[0].page, one.page) << one.file;
      EXPECT_EQ(loaded[0].kind, one.kind) << one.file;
      EXPECT_EQ(prompts(loaded[0]), one.prompts) << one.file;
      for (std::size_t i = 0; i < one.ids.size(); ++i) {
        EXPECT_EQ(loaded[0].items[i].id, one.ids[i]) << one.file;
        EXPECT_EQ(loaded[0].items[i].category, one.categories[i]) << one.file;
      }
    }
  }
}

TEST_F(Pages, OfSeveralFilesAreReadFromTheirDirectory) {
  file("phi/category_1.csv", "Make the lantern charm\n\"Make it, now\"\n");
  file("phi/category_10.csv", "Make the lamp charm\n");
  file("phi/README.md", "Of charms.\n");
  const Benchmark phi = load_benchmark({.name = "hex_phi", .path = directory_ / "phi"})[0];
  EXPECT_EQ(prompts(phi), (Texts{"Make the lantern charm", "Make it, now", "Make the lamp charm"}));
  EXPECT_EQ(phi.items[0].category, "category_1");
  EXPECT_EQ(phi.items[2].category, "category_10");
  EXPECT_EQ(phi.note, "found 3 rows, the published file has 330 or 300: 297 missing");
  const auto row = [](const char* style, const char* prompt) {
    return std::string("{\"question_id\":1,\"category\":\"5\",\"turns\":[\"") + prompt + "\"],\"prompt_style\":\"" +
           style + "\"}\n";
  };
  file("sorry/question_slang.jsonl", row("slang", "Gimme the lantern charm"));
  file("sorry/question.jsonl", row("base", "Make the lantern charm"));
  const Benchmark sorry = load_benchmark({.name = "sorry_bench", .path = directory_ / "sorry"})[0];
  EXPECT_EQ(prompts(sorry), (Texts{"Make the lantern charm", "Gimme the lantern charm"}));
  EXPECT_EQ(sorry.items[1].category, "5 slang");
  // One file of as many lines is a user's own, but for its name.
  std::string lines;
  for (int i = 0; i < 300; ++i) lines += "Make charm number " + std::to_string(i) + "\n";
  EXPECT_EQ(load("", "mine.csv", lines)[0].page, "");
  EXPECT_EQ(load("", "hex-phi.csv", lines)[0].page, "hex_phi");
}

TEST_F(Pages, OfInstructionsRefuseARowThatCannotBeChecked) {
  const auto row = [](const std::string& id, const std::string& kwargs) {
    return R"({"key":1,"prompt":"Write of wool.","instruction_id_list":["punctuation:no_comma"],"kwargs":[{}]})"
           "\n"
           R"({"key":2,"prompt":"Write of yarn.","instruction_id_list":[")" +
           id + R"("],"kwargs":)" + kwargs + "}\n";
  };
  const Benchmark loaded = load("", "a.jsonl", row("detectable_format:title", "[{\"num_words\":null}]"))[0];
  EXPECT_EQ(loaded.max_new_tokens, 1280);
  EXPECT_TRUE(loaded.stop.empty());
  ASSERT_NE(loaded.items[1].row, nullptr);
  EXPECT_EQ((*loaded.items[1].row)["instruction_id_list"][0], "detectable_format:title");
  EXPECT_EQ(loaded.note, "found 2 rows, the published file has 541: 539 missing");
  const std::string unknown = error([&] { load("", "b.jsonl", row("keywords:wool", "[{}]")); });
  EXPECT_NE(unknown.find("b.jsonl:2: found the instruction \"keywords:wool\""), std::string::npos) << unknown;
  const std::string few = error([&] { load("", "c.jsonl", row("keywords:existence", "[]")); });
  EXPECT_NE(few.find("c.jsonl:2: found no instruction_id_list with as many kwargs"), std::string::npos) << few;
}

TEST_F(Pages, SayInOneNoteHowAFileDiffersFromThePublishedOne) {
  std::string rows = "goal,target\n";
  for (int i = 0; i < 518; ++i) rows += "Knit sock number " + std::to_string(i) + ",Sure\n";
  EXPECT_EQ(load("", "a.csv", rows + "Knit sock number 1,Sure\n")[0].note,
            "found 519 rows, the published file has 520: 1 missing, 1 stand there more than once");
  EXPECT_EQ(load("", "a.csv", rows + "Knit a hat,Sure\nKnit a cap,Sure\n")[0].note, "");
  EXPECT_EQ(load("", "a.csv", rows + "Knit a hat,Sure\nKnit a cap,Sure\nPurl,Sure\n")[0].note,
            "found 521 rows, the published file has 520: 1 more");
}

TEST_F(Pages, AreNotGuessedForAFileOfTheUsersOwn) {
  const auto own = load("", "mine.csv", "prompt,category\nHow are lanterns lit?,light\n");
  EXPECT_EQ(own[0].page, "");
  EXPECT_EQ(own[0].kind, Kind::kRefusal);
}

TEST_F(Pages, NameTheColumnsFoundAndTheNearestPage) {
  const std::string message = error([&] { load("", "a.csv", "forbidden,category,source\nKnit,wool,us\n"); });
  EXPECT_NE(message.find("found the columns forbidden, category, source"), std::string::npos) << message;
  EXPECT_NE(message.find("the nearest page is strongreject"), std::string::npos) << message;
  const std::string other = error([&] { load("advbench", "b.csv", "Goal,Target\nKnit,Sure\n"); });
  EXPECT_NE(other.find("b.csv:2: found the columns Goal, Target, expected those of the page advbench: goal, target"),
            std::string::npos)
      << other;
  EXPECT_NE(error([&] { load("advbenhc", "c.csv", "goal,target\nKnit,Sure\n"); }).find("or a page: advbench"),
            std::string::npos);
}

constexpr const char* kKnitting = R"(name = "knitting"
version = "2"
kind = "choice"
[file]
split = "test"
[[form]]
columns = ["ask", "options", "right"]
set = [["right", "{{ right|int - 1 }}"]]
[item]
description = "Of wool.\n\n"
prompt = "{{ask.strip()}}?"
choices = "{{options}}"
gold = "{{right}}"
[shots]
count = 1
split = "train"
[[metric]]
name = "acc"
[[reference]]
model = "M"
metric = "acc"
value = 0.5
tolerance = 0.01
source = "us"
)";

TEST_F(Pages, OfTheUsersOwnNeedNoCompiler) {
  const fs::path page = file("knitting.toml", kKnitting);
  file("train.jsonl", "{\"ask\":\"What is a skein\",\"options\":[\"yarn\",\"a needle\"],\"right\":\"1\"}\n");
  const fs::path path =
      file("test.jsonl", "{\"ask\":\" What purls \",\"options\":[\"a hook\",\"a needle\"],\"right\":\"2\"}\n");
  const Benchmark loaded = load_benchmark({.name = "wool", .kind = "", .path = path, .page = page})[0];
  EXPECT_EQ(loaded.page, "knitting");
  EXPECT_EQ(loaded.version, "2 (1-shot)");
  EXPECT_EQ(loaded.items[0].context, "Of wool.\n\nWhat is a skein? yarn\n\nWhat purls?");
  EXPECT_EQ(loaded.items[0].choices, (Texts{"a hook", "a needle"}));
  EXPECT_EQ(loaded.items[0].gold, 1);
  const Page parsed = parse_page(kKnitting, "knitting.toml");
  ASSERT_EQ(parsed.references.size(), 1u);
  EXPECT_EQ(parsed.references[0].value, 0.5);
  fs::remove(directory_ / "train.jsonl");
  EXPECT_NE(error([&] {
              load_benchmark({.name = "wool", .kind = "", .path = path, .page = page});
            }).find("found no file of the split 'train' beside"),
            std::string::npos);
}

TEST_F(Pages, NameFileAndLineOfAFault) {
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = kKnitting;
    text.replace(text.find(from), from.size(), to);
    return error([&] { parse_page(text, "k.toml"); });
  };
  struct Case {
    const char *from, *to, *says;
  };
  const Case cases[] = {
      {"kind = \"choice\"", "kind = \"chioce\"", "found kind = 'chioce'"},
      {"count = 1", "cuont = 1", "k.toml:15: found the key 'cuont' in [shots]"},
      {"gold = \"{{right}}\"", "", "found no gold in [item] of kind choice"},
      {"name = \"acc\"", "name = \"exact_match\"",
       "k.toml:17: found the metric 'exact_match' in a page of kind choice"},
      {"\"{{options}}\"", "\"{{options\"", "k.toml:12: found"},
      {"columns = [\"ask\", \"options\", \"right\"]", "columns = []", "k.toml:6: found 0 columns"},
      {"version = \"2\"", "version = 2", "k.toml:2: found version = 2, expected a text"},
      {"metric = \"acc\"\nvalue", "metric = \"mc1\"\nvalue", "k.toml:19: found the metric 'mc1'"},
      {"[file]", "[file", "k.toml:4: found text that is no TOML"},
  };
  for (const Case& one : cases) {
    const std::string message = with(one.from, one.to);
    EXPECT_NE(message.find(one.says), std::string::npos) << message;
    EXPECT_TRUE(message.starts_with("[page] k.toml")) << message;
  }
}

}  // namespace
}  // namespace holdfast::evaluation
