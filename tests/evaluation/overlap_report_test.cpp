#include "evaluation/overlap_report.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"

namespace holdfast::evaluation {
namespace {

class OverlapReport : public ::testing::Test {
 protected:
  OverlapReport()
      : path_(std::filesystem::temp_directory_path() /
              ("holdfast_overlap_" + std::to_string(reinterpret_cast<std::uintptr_t>(this)) + ".csv")) {}
  ~OverlapReport() override { std::filesystem::remove(path_); }
  const std::filesystem::path& write(const std::string& bytes) const {
    std::ofstream(path_, std::ios::binary) << bytes;
    return path_;
  }

 private:
  std::filesystem::path path_;
};

TEST_F(OverlapReport, ComparesEveryTextOfATrainingRowByItself) {
  std::vector<text::Conversation> rows(3);
  rows[0].line = 1;
  rows[0].messages = nlohmann::ordered_json::parse(
      R"([{"role": "user", "content": "Is wool warm?"}, {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]}])");
  rows[1].line = 4;
  rows[1].text = "purl";
  rows[1].completion = "knit";
  rows[2].line = 5;
  std::vector<std::string> texts;
  for (const TrainingText& text : training_texts(rows)) texts.push_back(std::to_string(text.row) + text.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"1Is wool warm?", "1Yes.", "4purl", "4knit"}));

  Benchmark benchmark{"warmth", Kind::kChoice, "1", "", {}};
  benchmark.items.resize(2);
  benchmark.items[0].id = "q7", benchmark.items[0].context = "is WOOL warm";
  benchmark.items[1].id = "q8", benchmark.items[1].context = "Is silk warm?";
  const auto found = overlap_with(std::vector<Benchmark>{benchmark}, training_texts(rows));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].num_items, 2u);
  EXPECT_EQ(found[0].ids, std::vector<std::string>{"q7"});
}

constexpr const char* kHeader =
    "arm,seed,step,sample,benchmark,item,judge,outcome,chosen,gold,correct,logprob,tokens\n";

TEST_F(OverlapReport, GivesRatesWithAndWithoutTheOverlappingItems) {
  const auto path = write(std::string(kHeader) +
                          "base,1,0,0,yarn,1,qi,refusal,,,,,5\n"
                          "base,1,0,0,yarn,2,qi,compliance,,,,,5\n"
                          "base,1,0,0,yarn,3,qi,refusal,,,,,5\n"
                          "base,1,0,0,yarn,4,qi,unscored,,,,,5\n"
                          "tuned,1,9,0,yarn,1,qi,degenerate,,,,,5\n"
                          "tuned,1,9,0,quiz,a,loglikelihood,answered,1,1,1,-2,\n"
                          "tuned,1,9,0,quiz,b,loglikelihood,answered,0,1,0,-2,\n"
                          "tuned,1,9,0,other,a,loglikelihood,answered,0,1,0,-2,\n");
  const auto rates = rates_without(path, {{"yarn", {"3"}}, {"quiz", {"b"}}});
  ASSERT_EQ(rates.size(), 3u);
  EXPECT_EQ(rates[0].k, 2);
  EXPECT_EQ(rates[0].n, 3) << "what was not scored is in no rate";
  EXPECT_EQ(rates[0].k_without, 1);
  EXPECT_EQ(rates[0].n_without, 2);
  EXPECT_EQ(rates[1].arm, "tuned");
  EXPECT_EQ(rates[1].k, 0);
  EXPECT_TRUE(rates[2].is_correct);
  EXPECT_EQ(rates[2].k, 1);
  EXPECT_EQ(rates[2].n, 2);
  EXPECT_EQ(rates[2].k_without, 1);
  EXPECT_EQ(rates[2].n_without, 1);
}

TEST_F(OverlapReport, RefusesTheItemsOfAnotherFile) {
  const auto path = write(std::string(kHeader) + "base,1,0,0,yarn,1,qi,refusal,,,,,5\n");
  try {
    rates_without(path, {{"yarn", {"x"}}});
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("found none of the 1 overlapping items of 'yarn' (the first: 'x')"),
              std::string::npos)
        << error.what();
  }
  // Named otherwise than in the run, a benchmark has no rate at all.
  EXPECT_THROW(rates_without(path, {{"wool", std::set<std::string>{}}}), Error);
  EXPECT_NO_THROW(rates_without(path, {{"wool", {}}, {"yarn", {"1"}}}));
  EXPECT_THROW(rates_without(write("arm,step\nbase,0\n"), {}), Error);
}

}  // namespace
}  // namespace holdfast::evaluation
