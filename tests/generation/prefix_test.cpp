// Scores and answers through a tree that lives: each distinct token once, and the same bits in any company.
#include <gtest/gtest.h>

#include <set>

#include "base/random.h"
#include "generation/generator.h"
#include "generation/scorer.h"
#include "shared_data.h"

namespace holdfast::generation {
namespace {

using Ids = std::vector<text::TokenId>;

class Prefix : public ::testing::Test {
 protected:
  // Requests that branch at many depths: contexts share beginnings of 1 .. 150 tokens, some are others' continuations.
  std::vector<ScoreRequest> requests(int count) const {
    Random random(7);
    const auto draw = [&](std::int64_t length, std::uint64_t kinds) {
      Ids ids;
      for (std::int64_t i = 0; i < length; ++i) ids.push_back(static_cast<text::TokenId>(20 + random.below(kinds)));
      return ids;
    };
    const Ids trunks[] = {draw(70, 500), draw(41, 500), draw(150, 500)};
    std::vector<ScoreRequest> made;
    for (int i = 0; i < count; ++i) {
      Ids context = trunks[random.below(3)];
      context.resize(1 + random.below(context.size()));
      const Ids branch = draw(static_cast<std::int64_t>(random.below(20)), 2);
      context.insert(context.end(), branch.begin(), branch.end());
      made.push_back({context, draw(1 + static_cast<std::int64_t>(random.below(9)), 2)});
      if (i % 5 == 0) made.push_back(made.back());
      if (i % 7 == 0) {
        made.push_back(made.back());
        made.back().context.push_back(made.back().continuation[0]);
      }
    }
    return made;
  }
  // Beginnings of contexts and continuations (but for their last tokens), each once.
  static std::int64_t distinct_tokens(std::span<const ScoreRequest> requests) {
    std::set<Ids> beginnings;
    for (const ScoreRequest& request : requests) {
      Ids ids = request.context;
      ids.insert(ids.end(), request.continuation.begin(), request.continuation.end() - 1);
      for (; !ids.empty(); ids.pop_back()) beginnings.insert(ids);
    }
    return static_cast<std::int64_t>(beginnings.size());
  }
  std::int64_t bytes_of(std::int64_t tokens) const { return model::KvPages::bytes_of(decoder_.config(), tokens); }
  static std::vector<std::vector<double>> logprobs(const std::vector<Score>& scores) {
    std::vector<std::vector<double>> all;
    for (const Score& score : scores) all.push_back(score.token_logprobs);
    return all;
  }

  const std::filesystem::path path_ = testing::source_directory() / "assets/organism";
  model::Decoder decoder_ = model::Decoder::load(path_, model::Precision::kFp32);
};

TEST_F(Prefix, EachDistinctTokenOfAWaveIsComputedOnce) {
  const auto wave = requests(40);
  for (const std::int64_t pack : {64, 2048}) {
    PrefixTree tree(decoder_, bytes_of(20000));
    score(tree, {}, wave, pack);
    EXPECT_EQ(tree.computed_tokens(), distinct_tokens(wave)) << pack;
  }
}

TEST_F(Prefix, NeitherOrderNorCompanyMovesAScore) {
  auto wave = requests(20);
  PrefixTree tree(decoder_, bytes_of(20000));
  const auto together = logprobs(score(tree, {}, wave));
  for (std::size_t i = 0; i < wave.size(); i += 3)
    EXPECT_EQ(logprobs(score(decoder_, nullptr, std::span(&wave[i], 1)))[0], together[i]) << i << ", alone";
  std::vector<std::size_t> order(wave.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  Random random(3);
  for (int round = 0; round < 3; ++round) {
    random.shuffle(std::span(order));
    std::vector<ScoreRequest> shuffled;
    for (const std::size_t i : order) shuffled.push_back(wave[i]);
    const auto again = logprobs(score(tree, {}, shuffled, 100));
    for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(again[i], together[order[i]]) << round << ' ' << i;
  }
}

TEST_F(Prefix, ASmallBudgetComputesAgainAndGivesTheSameBits) {
  const auto wave = requests(16);
  PrefixTree large(decoder_, bytes_of(20000));
  const auto expected = logprobs(score(large, {}, wave));
  for (const std::int64_t tokens : {1, 150, 300}) {
    PrefixTree tree(decoder_, bytes_of(tokens));
    EXPECT_EQ(logprobs(score(tree, {}, wave, 128)), expected) << tokens;
    EXPECT_LE(tree.pages().capacity(), std::max<std::int64_t>(8, tokens / model::kPageTokens + 1));
    if (tokens == 1) EXPECT_GT(tree.computed_tokens(), distinct_tokens(wave));
  }
}

TEST_F(Prefix, ALaterCallComputesOnlyWhatItHasToRead) {
  const auto wave = requests(30);
  PrefixTree tree(decoder_, bytes_of(20000));
  const auto expected = logprobs(score(tree, {}, wave));
  const std::int64_t before = tree.computed_tokens();
  EXPECT_EQ(logprobs(score(tree, {}, wave)), expected);
  std::set<Ids> read;
  for (const ScoreRequest& request : wave) {
    Ids ids = request.context;
    for (const text::TokenId id : request.continuation) {
      read.insert(ids);
      ids.push_back(id);
    }
  }
  EXPECT_EQ(tree.computed_tokens() - before, static_cast<std::int64_t>(read.size()));
}

TEST_F(Prefix, AnAdapterThatHasChangedSharesNothing) {
  checkpoint::AdapterConfig config;
  model::Adapter adapter = model::Adapter::fresh(decoder_.config(), config, 5);
  adapter.flat().add_(0.01);
  const model::Adapter* const adapters[] = {&adapter};
  auto wave = requests(10);
  PrefixTree tree(decoder_, bytes_of(20000));
  const auto before = logprobs(score(tree, adapters, wave));
  EXPECT_EQ(logprobs(score(tree, adapters, wave)), before);
  adapter.flat().add_(0.01);
  const auto after = logprobs(score(tree, adapters, wave));
  EXPECT_NE(after, before);
  EXPECT_EQ(after, logprobs(score(decoder_, &adapter, wave)));
}

TEST_F(Prefix, RequestsOfOneCallMayNameDifferentAdapters) {
  checkpoint::AdapterConfig config;
  model::Adapter first = model::Adapter::fresh(decoder_.config(), config, 5),
                 second = model::Adapter::fresh(decoder_.config(), config, 6);
  first.flat().add_(0.01);
  second.flat().add_(0.02);
  const model::Adapter* const adapters[] = {&first, nullptr, &second};
  auto wave = requests(8);
  const auto alone = wave;
  for (std::size_t i = 0; i < wave.size(); ++i) wave[i].adapter = static_cast<std::int64_t>(i % 3);
  PrefixTree tree(decoder_, bytes_of(20000));
  const auto scores = logprobs(score(tree, adapters, wave));
  std::vector<Prompt> prompts;
  for (const ScoreRequest& request : wave) prompts.push_back({request.context, request.adapter});
  const auto answers = generate(tree, nullptr, adapters, prompts, {.max_new_tokens = 5});
  for (std::size_t i = 0; i < wave.size(); ++i) {
    EXPECT_EQ(scores[i], logprobs(score(decoder_, adapters[i % 3], std::span(&alone[i], 1)))[0]) << i;
    EXPECT_EQ(
        answers[i].ids,
        generate(decoder_, nullptr, adapters[i % 3], std::span(&wave[i].context, 1), {.max_new_tokens = 5})[0].ids)
        << i;
  }
}

class Answers : public Prefix {
 protected:
  std::vector<Prompt> prompts() const {
    std::vector<Prompt> made;
    for (const ScoreRequest& request : requests(8)) made.push_back({request.context});
    return made;
  }
  std::vector<Ids> ids_of(const std::vector<Completion>& completions) const {
    std::vector<Ids> all;
    for (const Completion& completion : completions) all.push_back(completion.ids);
    return all;
  }
};

TEST_F(Answers, AreTheSameAloneAndInEveryBatchAndBudget) {
  const auto prompts = this->prompts();
  const double temperatures[] = {0, 1};
  for (const double temperature : temperatures) {
    GenerateOptions options{.max_new_tokens = 12, .temperature = temperature};
    std::vector<Ids> alone;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      options.stream = i;
      alone.push_back(generate(decoder_, nullptr, nullptr, std::span(&prompts[i].ids, 1), options)[0].ids);
    }
    options.stream = 0;
    PrefixTree tree(decoder_, bytes_of(20000));
    EXPECT_EQ(ids_of(generate(tree, nullptr, {}, prompts, options)), alone);
    EXPECT_EQ(ids_of(generate(tree, nullptr, {}, prompts, options)), alone) << "over what the tree has kept";
    for (const std::int64_t tokens : {1, 500}) {
      PrefixTree small(decoder_, bytes_of(tokens));
      EXPECT_EQ(ids_of(generate(small, nullptr, {}, prompts, options)), alone) << tokens;
      EXPECT_LE(small.pages().capacity(), std::max<std::int64_t>(8, tokens / model::kPageTokens + 1));
    }
    for (const std::int64_t step_tokens : {1, 33}) {
      options.step_tokens = step_tokens;
      EXPECT_EQ(ids_of(generate(
                    decoder_, nullptr, nullptr,
                    [&] {
                      std::vector<Ids> all;
                      for (const Prompt& prompt : prompts) all.push_back(prompt.ids);
                      return all;
                    }(),
                    options)),
                alone)
          << step_tokens;
    }
  }
}

TEST_F(Answers, PromptsThatBeginAlikeAreComputedOnce) {
  const auto prompts = this->prompts();
  std::vector<ScoreRequest> same;
  for (const Prompt& prompt : prompts) same.push_back({prompt.ids, {0}});
  PrefixTree tree(decoder_, bytes_of(20000));
  generate(tree, nullptr, {}, prompts, {.max_new_tokens = 1});
  EXPECT_EQ(tree.computed_tokens(), distinct_tokens(same));
}

TEST_F(Answers, GiveTheirPagesBack) {
  const auto prompts = this->prompts();
  PrefixTree tree(decoder_, bytes_of(20000));
  generate(tree, nullptr, {}, prompts, {.max_new_tokens = 20});
  score(tree, {}, requests(10));
  EXPECT_TRUE(tree.make_free(tree.pages().capacity())) << "only beginnings are held, and they can go";
}

}  // namespace
}  // namespace holdfast::generation
