// Requests that do not fit into a model's positions: refused, or cut as lm-evaluation-harness cuts them.
#include "assessment/request_encoder.h"

#include <gtest/gtest.h>

#include "assessment/fixtures.h"
#include "shared_data.h"

namespace holdfast::assessment {
namespace {

using evaluation::Kind;

class Encoder : public ::testing::Test {
 protected:
  Encoder() {
    plan_.model.path = path_.string();
    item_.id = "7";
    item_.context = item_.prompt =
        "The blue house stands by the sea and the red house stands by the wood. The house is";
    item_.choices = {"red", "blue as the sea"};
    entry_.name = "houses";
  }
  RequestEncoder encoder(std::int64_t max_positions) const {
    return {plan_, tokenizer_, config_, &chat_, max_positions};
  }
  LoadedBenchmark benchmark(Kind kind) const {
    LoadedBenchmark one{{}, &entry_, {}, nullptr};
    one.benchmark.name = "houses";
    one.benchmark.kind = kind;
    one.benchmark.items = {item_};
    return one;
  }

  const std::filesystem::path path_ = testing::source_directory() / "assets/organism";
  const text::Tokenizer tokenizer_ = text::Tokenizer::from_directory(path_);
  const text::TokenizerConfig config_ = text::read_tokenizer_config(path_);
  const text::ChatTemplate chat_ = text::ChatTemplate::from_directory(path_);
  Plan plan_;
  BenchmarkPlan entry_;
  evaluation::Item item_;
};

TEST_F(Encoder, KeepsThePositionsLastTokensAndOneThatIsNotReadOfAnEnding) {
  const auto one = benchmark(Kind::kChoice);
  const auto whole = encoder(1000).endings(one, item_);
  const auto size = static_cast<std::int64_t>(whole[1].ids.context.size() + whole[1].ids.continuation.size());
  EXPECT_EQ(encoder(size - 1).endings(one, item_)[1].cut, 0) << "the last token is not read";
  entry_.too_long = "cut";
  const auto cut = encoder(size - 4).endings(one, item_);
  EXPECT_EQ(cut[1].cut, 3);
  EXPECT_EQ(cut[1].ids.continuation, whole[1].ids.continuation);
  EXPECT_EQ(cut[1].ids.context,
            std::vector<text::TokenId>(whole[1].ids.context.begin() + 3, whole[1].ids.context.end()));
  EXPECT_LT(cut[0].cut, 3) << "a shorter ending leaves more of the context";
}

TEST_F(Encoder, KeepsRoomForTheWholeAnswerBehindAPromptThatIsCut) {
  const auto one = benchmark(Kind::kAnswer);
  const auto whole = encoder(1000).prompt(one, item_);
  const auto size = static_cast<std::int64_t>(whole.ids.size());
  entry_.max_new_tokens = 10;
  EXPECT_EQ(encoder(size + 1).prompt(one, item_).cut, 0) << "there is room for a token";
  entry_.too_long = "cut";
  EXPECT_EQ(encoder(size + 10).prompt(one, item_).cut, 0);
  const auto cut = encoder(size + 6).prompt(one, item_);
  EXPECT_EQ(cut.cut, 4);
  EXPECT_EQ(cut.ids, std::vector<text::TokenId>(whole.ids.begin() + 4, whole.ids.end()));
  EXPECT_EQ(count_cut(encoder(size + 6), one), 1);
  EXPECT_EQ(count_cut(encoder(size + 10), one), 0);
}

TEST_F(Encoder, RefusesWhatDoesNotFitAndSaysWhatToDo) {
  const std::string ending = error_of([&] { encoder(8).endings(benchmark(Kind::kChoice), item_); });
  EXPECT_NE(ending.find("[benchmark] houses, item 7: found a request of "), std::string::npos) << ending;
  EXPECT_NE(ending.find("expected at most 9 in the model's 8 positions; try fewer shots, or --set "
                        "benchmark.houses.too_long=cut"),
            std::string::npos)
      << ending;
  const std::string request = error_of([&] { encoder(8).prompt(benchmark(Kind::kRefusal), item_); });
  EXPECT_NE(request.find("expected at most 7"), std::string::npos) << request;
  EXPECT_EQ(request.find("too_long"), std::string::npos) << "half of a request is another request: " << request;
  entry_.too_long = "cut";
  const std::string long_ending = error_of([&] { encoder(2).endings(benchmark(Kind::kChoice), item_); });
  EXPECT_NE(long_ending.find("found an ending of "), std::string::npos) << long_ending;
  entry_.max_new_tokens = 64;
  const std::string room = error_of([&] { encoder(64).prompt(benchmark(Kind::kAnswer), item_); });
  EXPECT_NE(room.find("found max_new_tokens 64 and too_long = \"cut\""), std::string::npos) << room;
}

TEST_F(Encoder, SaysOfFewBytesThatTheyFit) {
  EXPECT_TRUE(encoder(1000).surely_fits(benchmark(Kind::kChoice), item_));
  EXPECT_FALSE(encoder(80).surely_fits(benchmark(Kind::kChoice), item_));
  EXPECT_TRUE(encoder(1000).surely_fits(benchmark(Kind::kRecall), item_));
  EXPECT_FALSE(encoder(80).surely_fits(benchmark(Kind::kRecall), item_));
}

}  // namespace
}  // namespace holdfast::assessment
