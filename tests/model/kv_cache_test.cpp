// Pages and who holds them; what is in them is in attention_rows_test.cpp.
#include "model/kv_cache.h"

#include <gtest/gtest.h>

namespace holdfast::model {
namespace {

class Pages : public ::testing::Test {
 protected:
  static checkpoint::ModelConfig config() {
    checkpoint::ModelConfig config;
    config.num_layers = 2;
    config.num_kv_heads = 1;
    config.head_dim = 3;
    return config;
  }
  // Keys and values of tokens first .. first + count: number c of token t is 10 t + c, and that with 0.5.
  void append(KvSequence& sequence, std::int64_t first, std::int64_t count) {
    std::vector<float> keys, values;
    for (std::int64_t i = 0; i < 3 * count; ++i) {
      keys.push_back(static_cast<float>(10 * (first + i / 3) + i % 3));
      values.push_back(keys.back() + 0.5f);
    }
    sequence.make_room(count);
    for (const std::int64_t layer : {0, 1}) sequence.write(layer, 0, {keys.data(), values.data(), count});
    sequence.advance(count);
  }
  // The token whose keys and values stand at a place.
  float token_at(const KvSequence& sequence, std::int64_t place) {
    const KvPages::Page page = sequence.table()[static_cast<std::size_t>(place / kPageTokens)];
    const std::int64_t lane = place % kPageTokens;
    const float token = pages_.keys(page, 1, 0)[lane] / 10;
    for (std::int64_t c = 0; c < 3; ++c) {
      EXPECT_EQ(pages_.keys(page, 0, 0)[c * kPageTokens + lane], 10 * token + static_cast<float>(c));
      EXPECT_EQ(pages_.values(page, 1, 0)[lane * 3 + c], 10 * token + static_cast<float>(c) + 0.5f);
    }
    return token;
  }
  KvPages pages_{config(), 10 * KvPages::bytes_of(config(), kPageTokens)};
};

TEST_F(Pages, HoldAsManyBytesAsTheBudget) {
  EXPECT_EQ(pages_.capacity(), 10);
  EXPECT_EQ(KvPages::bytes_of(config(), 33), 2 * KvPages::bytes_of(config(), 1)) << "whole pages";
  EXPECT_EQ(KvPages::bytes_of(config(), 32), 2 * 2 * 3 * 32 * 4) << "keys and values of two layers in float";
  EXPECT_EQ(KvPages(config(), 1).capacity(), 1);
}

TEST_F(Pages, AreFreeWhenNobodyHoldsThem) {
  {
    KvSequence first(pages_);
    append(first, 0, 70);
    EXPECT_EQ(pages_.num_free(), 7);
    KvSequence second = first.beginning(64), third = std::move(first);
    EXPECT_EQ(pages_.num_free(), 7);
    third.clear();
    EXPECT_EQ(pages_.num_free(), 8);
  }
  EXPECT_EQ(pages_.num_free(), 10);
}

TEST_F(Pages, TheFirstGoesOnInAPageAndTheNextCopiesIt) {
  KvSequence first(pages_);
  append(first, 0, 40);
  KvSequence second = first.beginning(40), third = first.beginning(36);
  EXPECT_EQ(second.pages_for(1), 0);
  EXPECT_EQ(third.pages_for(1), 1);
  append(second, 100, 2);
  EXPECT_EQ(first.pages_for(1), 1) << "the second has gone on";
  append(third, 200, 30);
  append(first, 300, 1);
  EXPECT_EQ(pages_.num_free(), 5);
  for (std::int64_t place = 0; place < 36; ++place)
    for (const KvSequence* sequence : {&first, &second, &third})
      EXPECT_EQ(token_at(*sequence, place), static_cast<float>(place));
  EXPECT_EQ(token_at(first, 39), 39);
  EXPECT_EQ(token_at(first, 40), 300);
  EXPECT_EQ(token_at(second, 41), 101);
  EXPECT_EQ(token_at(third, 36), 200);
  EXPECT_EQ(token_at(third, 65), 229);
}

TEST_F(Pages, RoomIsMadeOnce) {
  KvSequence sequence(pages_);
  sequence.make_room(33);
  sequence.make_room(33);
  EXPECT_EQ(pages_.num_free(), 8);
  EXPECT_EQ(sequence.pages_for(33), 0);
  EXPECT_EQ(sequence.pages_for(65), 1);
}

}  // namespace
}  // namespace holdfast::model
