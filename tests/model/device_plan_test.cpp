#include "model/device_plan.h"

#include <gtest/gtest.h>

#include "model/kv_cache.h"
#include "model/memory_plan.h"
#include "shared_data.h"

namespace holdfast::model {
namespace {

checkpoint::ModelConfig llama2(std::int64_t layers, std::int64_t d, std::int64_t f, std::int64_t h, std::int64_t g) {
  checkpoint::ModelConfig config;
  config.family = "llama";
  config.num_layers = layers;
  config.hidden_size = d;
  config.intermediate_size = f;
  config.num_heads = h;
  config.num_kv_heads = g;
  config.head_dim = d / h;
  config.vocab_size = 32000;
  config.max_positions = 4096;
  config.stored_dtype = "float16";
  return config;
}

struct Row {
  std::int64_t gigabytes, training_tokens, answer_tokens;
};

void expect_rows(const checkpoint::ModelConfig& config, std::int64_t weights, std::int64_t fixed,
                 std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    const DevicePlan plan = device_plan(config, row.gigabytes * 1'000'000'000, 8);
    EXPECT_EQ(plan.weights, weights);
    EXPECT_EQ(plan.fixed, fixed);
    EXPECT_EQ(plan.training_tokens, row.training_tokens) << row.gigabytes;
    EXPECT_EQ(plan.answer_tokens, row.answer_tokens) << row.gigabytes;
  }
}

// By hand, of Llama 2 7B: in 4 bits a matrix of n numbers takes n / 2 + n / 64 + 4 ceil(n / 64 / 256) + 4 bytes, so a
// layer 4 x 8,654,852 + 3 x 23,259,908; embedding and head 2 x 262,144,000, norms 65 x 8,192: 3,865,592,704.
// Fixed beside them: 10^9, the widest matrix 2 x 4,096 x 11,008, and 1,024 x (3 x 32,000 + 2 x 4,096) of logits.
// A token of a pack keeps 1,496,064 numbers and 79,616 on the way back, 2 bytes each; the adapter takes 319,815,680.
// Answered, 32 tokens take a page of 2 x 32 x 4,096 x 32 x 2 = 16,777,216 bytes and pass with 32 x 2 x 49,408:
// in 24 GB 949 pages, and what is left holds no other one.
TEST(DevicePlan, HasTheRowsOfLlama2OfSevenBillionThatWereReckonedByHand) {
  expect_rows(llama2(32, 4096, 11008, 32, 32), 3'865'592'704, 5'062'462'848,
              {{24, 5907, 30'368}, {48, 13'523, 68'896}, {80, 23'677, 120'256}, {141, 43'034, 218'144}});
}

// The same arithmetic with 80 layers whose 64 heads share 8 of keys and values: 10,485,760 bytes a page, 237,568 a
// passing token.  24 GB do not hold the weights.
TEST(DevicePlan, HasTheRowsOfLlama2OfSeventyBillionThatWereReckonedByHand) {
  expect_rows(llama2(80, 8192, 28672, 64, 8), 36'362'995'904, 37'947'839'168,
              {{24, 0, 0}, {48, 553, 17'772}, {80, 2'665, 74'390}, {141, 6'689, 182'304}});
}

// The longest answer takes the pages that a sequence of its length takes, in half as many bytes a number, and one token
// more does not fit.
TEST(DevicePlan, TheLongestAnswerTakesThePagesOfASequenceOfItsLength) {
  const auto config = checkpoint::read_config(testing::source_directory() / "assets/organism");
  const std::int64_t passing = 2 * token_widths(config).passing;
  const auto bytes = [&](std::int64_t tokens) {
    KvPages pages(config, std::int64_t{1} << 32);
    KvSequence sequence(pages);
    sequence.make_room(tokens);
    const std::int64_t held = pages.capacity() - pages.num_free();
    EXPECT_EQ(memory_plan(config, {.tokens = tokens}).cache, held * KvPages::bytes_of(config, 1));
    return held * KvPages::bytes_of(config, 1) / 2 + tokens * passing;
  };
  const std::int64_t fixed = device_plan(config, 0, 8).fixed;
  for (const std::int64_t tokens : {1, 31, 32, 33, 100, 1000}) {
    EXPECT_EQ(device_plan(config, fixed + bytes(tokens), 8).answer_tokens, tokens);
    EXPECT_EQ(device_plan(config, fixed + bytes(tokens) - 1, 8).answer_tokens, tokens - 1);
  }
  EXPECT_EQ(device_plan(config, fixed, 8).answer_tokens, 0);
}

}  // namespace
}  // namespace holdfast::model
