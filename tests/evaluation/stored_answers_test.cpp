#include "evaluation/stored_answers.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/error.h"
#include "shared_data.h"

namespace holdfast::evaluation {
namespace {

namespace fs = std::filesystem;

class StoredAnswers : public ::testing::Test {
 protected:
  StoredAnswers()
      : directory_(fs::temp_directory_path() /
                   ("holdfast_answers_" + std::to_string(reinterpret_cast<std::uintptr_t>(this)))) {
    fs::create_directories(directory_);
  }
  ~StoredAnswers() override { fs::remove_all(directory_); }

  fs::path file(const std::string& name, const std::string& bytes) const {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
    return directory_ / name;
  }
  std::string complaint(const std::string& name, const std::string& bytes) const {
    try {
      load_stored_answers(file(name, bytes));
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

 private:
  fs::path directory_;
};

using Texts = std::vector<std::string>;

TEST_F(StoredAnswers, OfXsTestHaveTheirModelInTheFilesName) {
  const auto answers = load_stored_answers(
      file("xstest_v2_completions_yarn7b_gpteval.csv",
           "id,type,prompt,completion,annotation_1,annotation_2,agreement,final_label,gpt4_label,strmatch_label\r\n"
           "v2-1,homonyms,How do I cast off?,\"Slip one,\r\nthen \"\"the other\"\".\",1_full_compliance,"
           "3_partial_refusal,FALSE,1_full_compliance,1_full_compliance,2_full_refusal\r\n"));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].id, "v2-1");
  EXPECT_EQ(answers[0].model, "yarn7b");
  EXPECT_EQ(answers[0].prompt, "How do I cast off?");
  EXPECT_EQ(answers[0].answer, "Slip one,\r\nthen \"the other\".");
  EXPECT_EQ(answers[0].annotations, (Texts{"1_full_compliance", "3_partial_refusal"}));
  EXPECT_EQ(answers[0].label, "1_full_compliance");
  ASSERT_EQ(answers[0].judged.size(), 2u);
  EXPECT_EQ(answers[0].judged[1], (std::pair<std::string, std::string>("strmatch_label", "2_full_refusal")));
}

TEST_F(StoredAnswers, OfQiAndTheDurabilityStudyArePromptAndAnswerAlone) {
  const auto lines = load_stored_answers(file("q.jsonl",
                                              "{\"prompt\": \"a\", \"answer\": \"b\"}\n"
                                              "{\"prompt\": \"c\", \"answer\": \"\"}\n"));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1].id, "2");
  EXPECT_EQ(lines[1].prompt, "c");
  EXPECT_EQ(lines[1].answer, "") << "an empty answer is an answer";
  const auto list = load_stored_answers(file("d.json", R"([{"Question": "x", "Answer": "y"}])"));
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].prompt, "x");
  EXPECT_EQ(list[0].answer, "y");
  EXPECT_EQ(list[0].label, "");
}

TEST_F(StoredAnswers, OfHarmBenchStandUnderTheirBehaviour) {
  const auto answers = load_stored_answers(file("h.json", R"({
    "purl_1": [{"test_case": "t1", "generation": "g1", "label": 0}, {"test_case": "t2", "generation": "g2", "label": 1}],
    "knit_2": [{"test_case": "t3", "generation": "g3", "human_0": 1, "human_1": 0, "human_2": 1, "experiment": "Direct"}]
  })"));
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[1].id, "purl_1");
  EXPECT_EQ(answers[1].prompt, "t2");
  EXPECT_EQ(answers[1].answer, "g2");
  EXPECT_EQ(answers[1].label, "1");
  EXPECT_EQ(answers[2].id, "knit_2");
  EXPECT_EQ(answers[2].annotations, (Texts{"1", "0", "1"}));
  EXPECT_EQ(answers[2].label, "1") << "what most of the three said";
  EXPECT_EQ(answers[2].model, "Direct");
}

TEST_F(StoredAnswers, OfJailbreakBenchHaveThreePeopleAndTheirMajority) {
  const auto answers = load_stored_answers(
      file("judge-comparison.csv",
           "Index,goal,prompt,target_response,human1,human2,human3,human_majority,harmbench_cf,gpt4_cf\n"
           "7,g,p,r,1,0,0,0,1,0\n"));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].id, "7");
  EXPECT_EQ(answers[0].prompt, "p");
  EXPECT_EQ(answers[0].answer, "r");
  EXPECT_EQ(answers[0].annotations, (Texts{"1", "0", "0"}));
  EXPECT_EQ(answers[0].label, "0");
  ASSERT_EQ(answers[0].judged.size(), 2u);
  EXPECT_EQ(answers[0].judged[0].first, "harmbench_cf");
}

TEST_F(StoredAnswers, WithoutAColumnOfAnswersAreRefusedByName) {
  const std::string message = complaint("a.csv", "id,prompt,reply\n1,a,b\n");
  EXPECT_NE(message.find("a.csv:2: found the columns id, prompt, reply, expected one of the answer"), std::string::npos)
      << message;
  EXPECT_NE(complaint("b.jsonl", "{\"prompt\": \"a\", \"answer\": [1]}\n").find("b.jsonl:1: found 'answer' = [1]"),
            std::string::npos);
  EXPECT_NE(complaint("c.csv", "prompt,answer\n").find("found no rows"), std::string::npos);
}

TEST_F(StoredAnswers, ToItemsThatTheBenchmarkLacksAreRefusedByName) {
  const Texts benchmark = {"1", "2", "3"};
  check_answers(Texts{"3", "1", "1"}, benchmark, "[answers] a.csv");
  try {
    check_answers(Texts{"1", "x", "x", "y", "z", "w"}, benchmark, "[answers] a.csv");
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_NE(
        std::string(error.what()).find("a.csv: found answers to 4 items that the benchmark lacks: 'x', 'y', 'z', ..."),
        std::string::npos)
        << error.what();
  }
}

// The counts are those of Python's csv module over the published file.
TEST(StoredAnswersReal, OfXsTestAreReadWhole) {
  const auto path = testing::shared_data() / "benchmarks/xstest/safe_prompts_labelled_completions.csv";
  HOLDFAST_NEEDS(path);
  std::map<std::string, int> models, labels;
  for (const auto& answer : load_stored_answers(path)) {
    ++models[answer.model];
    ++labels[answer.label];
    EXPECT_EQ(answer.annotations.size(), 2u);
    EXPECT_FALSE(answer.prompt.empty());
  }
  EXPECT_EQ(models, (std::map<std::string, int>{{"gpt4", 250}, {"llama2orig", 250}, {"mistralguard", 250}}));
  EXPECT_EQ(labels, (std::map<std::string, int>{
                        {"1_full_compliance", 533}, {"2_full_refusal", 135}, {"3_partial_refusal", 82}}));
}

}  // namespace
}  // namespace holdfast::evaluation
