// Freed tensors' memory: who gets it next, and how much is kept.
#include "model/tensor_pool.h"

#include <ATen/ops/empty.h>
#include <gtest/gtest.h>

#include <vector>

namespace holdfast::model {
namespace {

constexpr std::int64_t kMillion = 1 << 20;

at::Tensor bytes(std::int64_t count) { return at::empty({count}, at::kByte); }

class TensorPool : public ::testing::Test {
 protected:
  void SetUp() override { keep_freed_tensors(); }
};

TEST_F(TensorPool, GivesTheMemoryOfAFreedTensorToTheNextOfNearlyItsSize) {
  const void* first = bytes(30 * kMillion).const_data_ptr();  // freed at once
  const std::int64_t fresh = tensor_pool_use().fresh;
  const at::Tensor second = bytes(29 * kMillion);
  EXPECT_EQ(second.const_data_ptr(), first);
  EXPECT_EQ(tensor_pool_use().fresh, fresh);
  const at::Tensor third = bytes(29 * kMillion);  // the block is in use: another one
  EXPECT_NE(third.const_data_ptr(), first);
}

TEST_F(TensorPool, DoesNotSpendALargeBlockOnASmallTensor) {
  const void* large = bytes(40 * kMillion).const_data_ptr();
  EXPECT_NE(bytes(20 * kMillion).const_data_ptr(), large);
}

TEST_F(TensorPool, KeepsLittleMoreThanWasEverInUse) {
  // Ever larger tensors, one at a time: none fits where the one before was.
  for (std::int64_t size = kMillion; size <= 300 * kMillion; size += size / 3 + kMillion) {
    bytes(size);
    const TensorPoolUse use = tensor_pool_use();
    EXPECT_LE(use.in_use + use.kept, use.most_in_use + use.most_in_use / 64 + 48 * kMillion) << size;
  }
}

TEST_F(TensorPool, ATensorKeepsItsNumbersWhileOthersComeAndGo) {
  std::vector<at::Tensor> kept;
  for (int i = 0; i < 40; ++i) {
    kept.push_back(bytes(kMillion + i * 70'000).fill_(i));
    bytes(2 * kMillion).fill_(255);
    if (i % 3 == 2) kept[static_cast<std::size_t>(i - 1)] = at::Tensor();
  }
  for (int i = 0; i < 40; ++i) {
    const at::Tensor& one = kept[static_cast<std::size_t>(i)];
    if (one.defined()) EXPECT_TRUE(one.eq(i).all().item<bool>()) << i;
  }
}

}  // namespace
}  // namespace holdfast::model
