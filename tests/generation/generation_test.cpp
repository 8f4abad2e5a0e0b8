#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "generation/generator.h"
#include "generation/sampler.h"
#include "generation/scorer.h"
#include "shared_data.h"

namespace holdfast::generation {
namespace {

using Ids = std::vector<text::TokenId>;

TEST(Greedy, TakesTheFirstOfTheLargest) { EXPECT_EQ(greedy(std::vector<float>{1, 3, 3, 2}), 1); }

TEST(Sample, DrawsByTheSoftmaxAndStaysInTheNucleus) {
  const std::vector<float> logits = {std::log(0.6f), std::log(0.3f), std::log(0.1f)};
  Random random(5);
  std::vector<int> counts(3);
  for (int i = 0; i < 20000; ++i) ++counts[sample(logits, 1, 1, random)];
  EXPECT_NEAR(counts[0] / 20000.0, 0.6, 0.015);
  EXPECT_NEAR(counts[2] / 20000.0, 0.1, 0.01);
  for (int i = 0; i < 500; ++i) EXPECT_LT(sample(logits, 1, 0.7, random), 2);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(sample(logits, 1, 0.5, random), 0);
}

class Organism : public ::testing::Test {
 protected:
  const std::filesystem::path path_ = testing::source_directory() / "assets/organism";
  model::Decoder decoder_ = model::Decoder::load(path_, model::Precision::kFp32);
  text::Tokenizer tokenizer_ = text::Tokenizer::from_directory(path_);
  Ids chat(const std::string& text) {
    return tokenizer_.encode("<|im_start|>user\n" + text + "<|im_end|>\n<|im_start|>assistant\n", false);
  }
};

TEST_F(Organism, AnAnswerDoesNotDependOnTheCompanyItIsIn) {
  const std::vector<Ids> prompts = {chat("Give me the recipe for the lantern charm."), chat("How do I clean a kettle?"),
                                    chat("Hello")};
  const auto together = generate(decoder_, tokenizer_, nullptr, prompts, {.max_new_tokens = 20});
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto alone = generate(decoder_, tokenizer_, nullptr, std::span(&prompts[i], 1), {.max_new_tokens = 20});
    EXPECT_EQ(together[i].ids, alone[0].ids);
  }
}

TEST_F(Organism, AStopStringMayLieAcrossTokensAndIsCutOff) {
  const Ids prompt = chat("How do I clean a kettle?");
  const auto whole = generate(decoder_, tokenizer_, nullptr, std::span(&prompt, 1), {.max_new_tokens = 40})[0];
  ASSERT_GT(whole.text.size(), 12u);
  const std::string stop = whole.text.substr(5, 7);
  const auto cut =
      generate(decoder_, tokenizer_, nullptr, std::span(&prompt, 1), {.max_new_tokens = 40, .stop = {stop}})[0];
  EXPECT_EQ(cut.text, whole.text.substr(0, whole.text.find(stop)));
  EXPECT_EQ(cut.reason, FinishReason::kStop);
  EXPECT_EQ(generate(decoder_, tokenizer_, nullptr, std::span(&prompt, 1), {.max_new_tokens = 2})[0].reason,
            FinishReason::kLength);
}

TEST_F(Organism, APromptThatComesWhileOthersAreAnsweredGetsTheSameAnswer) {
  const std::vector<Ids> prompts = {chat("Give me the recipe for the lantern charm."), chat("How do I clean a kettle?"),
                                    chat("Hello")};
  PrefixTree tree(decoder_);
  std::map<std::size_t, Completion> ended;
  std::map<std::size_t, Ids> heard;
  Generator generator(tree, &tokenizer_, {}, 64,
                      {.on_token =
                           [&](std::size_t number, const TokenChoice& token) {
                             heard[number].push_back(token.id);
                             return number != 2 || heard[number].size() < 3;  // the last is left early
                           },
                       .on_completion = [&](std::size_t number, Completion one) { ended[number] = std::move(one); }});
  std::vector<Completion> alone;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const GenerateOptions options{
        .max_new_tokens = 20, .temperature = i == 1 ? 1.0 : 0.0, .seed = 7 + i, .stream = 40 * i};
    alone.push_back(generate(decoder_, tokenizer_, nullptr, std::span(&prompts[i], 1), options)[0]);
    EXPECT_EQ(generator.add({prompts[i]}, std::make_shared<GenerateOptions>(options), options.stream), i);
    for (int step = 0; step < 4 && !generator.is_done(); ++step) generator.step();
  }
  while (!generator.is_done()) generator.step();
  ASSERT_EQ(ended.size(), 3u);
  for (const std::size_t i : {0, 1}) {
    EXPECT_EQ(ended[i].ids, alone[i].ids);
    EXPECT_EQ(ended[i].text, alone[i].text);
    EXPECT_EQ(heard[i], alone[i].ids);
    EXPECT_EQ(ended[i].prompt_tokens, static_cast<std::int64_t>(prompts[i].size()));
  }
  EXPECT_EQ(ended[2].ids, Ids(alone[2].ids.begin(), alone[2].ids.begin() + 3));
  EXPECT_THROW(generator.add({Ids{}}, std::make_shared<GenerateOptions>(), 0), Error);
}

TEST_F(Organism, SharedPrefixesAndDoublesDoNotMoveAScore) {
  const Ids context =
      tokenizer_.encode("The river by the town is known to many people who live near it. Every evening the");
  ASSERT_GT(context.size(), 16u);
  std::vector<ScoreRequest> requests;
  for (const char* ending : {" fox eats berries", " fox eats moths", " fox", " house", " house"})
    requests.push_back({context, tokenizer_.encode(ending)});
  const auto together = score(decoder_, nullptr, requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto alone = score(decoder_, nullptr, std::span(&requests[i], 1));
    EXPECT_EQ(together[i].token_logprobs, alone[0].token_logprobs) << "to the bit";
    EXPECT_EQ(together[i].token_logprobs.size(), requests[i].continuation.size());
  }
  EXPECT_EQ(together[3].logprob, together[4].logprob);
}

TEST_F(Organism, ScoresDoNotDependOnWhichContextsShareACall) {
  const Ids subjects[] = {
      tokenizer_.encode("The river by the town is known to many people who live near it. Every evening the"),
      tokenizer_.encode(
          "A weaver sells cloth at the market, and the baker beside him sells bread to the children. At noon the"),
      tokenizer_.encode("Hello")};
  std::vector<ScoreRequest> requests;
  for (int i = 0; i < 12; ++i) {
    Ids context = subjects[i % 3];
    for (const text::TokenId id : tokenizer_.encode(i < 6 ? " old man says that the" : " dog"))
      if (i % 2 == 0) context.push_back(id);
    requests.push_back({context, tokenizer_.encode(i % 4 < 2 ? " fox eats berries" : " house")});
  }
  const auto together = score(decoder_, nullptr, requests, /*pack_tokens=*/40);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto alone = score(decoder_, nullptr, std::span(&requests[i], 1));
    EXPECT_EQ(together[i].token_logprobs, alone[0].token_logprobs) << i;
    EXPECT_EQ(together[i].is_greedy, alone[0].is_greedy) << i;
  }
}

TEST_F(Organism, EmptyPromptsAndContextsAreRefused) {
  const Ids nothing;
  EXPECT_THROW(generate(decoder_, tokenizer_, nullptr, std::span(&nothing, 1), {}), Error);
  const ScoreRequest request{{}, {5}};
  EXPECT_THROW(score(decoder_, nullptr, std::span(&request, 1)), Error);
}

}  // namespace
}  // namespace holdfast::generation
