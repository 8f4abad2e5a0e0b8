// The chunked cross-entropy against torch's own, gradient included, in double.
#include "training/loss.h"

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "tiny_llama.h"

namespace holdfast::training {
namespace {

TEST(CrossEntropy, AndItsGradientEqualTorchsInChunksOfAnySize) {
  for (const bool is_tied : {false, true}) {
    const testing::TemporaryDirectory directory;
    const testing::TinyLlama tiny{.is_tied = is_tied};
    const auto weights = testing::write_tiny_llama(directory.path(), tiny);
    auto decoder = model::Decoder::load(directory.path(), model::Precision::kFp32, at::kDouble);
    Random random(2);
    const at::Tensor hidden = testing::random_tensor({40, tiny.width}, random, 3, at::kDouble);
    std::vector<Target> targets;
    std::vector<std::int64_t> labels(40, -100);
    for (std::int64_t row = 0; row < 40; row += 1 + row % 3) {
      labels[row] = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(tiny.vocabulary)));
      targets.push_back({row, labels[row]});
    }
    const at::Tensor leaf = hidden.clone().requires_grad_(true);
    const at::Tensor head = weights.at(is_tied ? "model.embed_tokens.weight" : "lm_head.weight").to(at::kDouble);
    const at::Tensor expected =
        at::cross_entropy_loss(leaf.matmul(head.t()), at::tensor(labels), {}, at::Reduction::Sum, -100);
    (expected * 0.25).backward();
    const double size = leaf.grad().abs().max().item<double>();
    for (const std::int64_t chunk_rows : {1, 7, 1000}) {
      const LossResult result = cross_entropy(decoder, hidden, targets, 0.25, true, chunk_rows);
      EXPECT_NEAR(result.sum, expected.item<double>(), 1e-12 * result.sum) << "chunks of " << chunk_rows;
      EXPECT_LE((result.dhidden - leaf.grad()).abs().max().item<double>(), 1e-12 * size) << "chunks of " << chunk_rows;
    }
    EXPECT_FALSE(cross_entropy(decoder, hidden, targets, 1, false).dhidden.defined());
    EXPECT_EQ(cross_entropy(decoder, hidden, {}, 1, true).sum, 0);
    EXPECT_EQ(cross_entropy(decoder, hidden, {}, 1, true).dhidden.abs().max().item<double>(), 0);
  }
}

}  // namespace
}  // namespace holdfast::training
