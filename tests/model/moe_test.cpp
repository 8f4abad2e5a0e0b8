// Experts where routing is at its edges: the auxiliary loss, ties, and experts that get no token.
#include <ATen/ops/arange.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "golden_checkpoint.h"
#include "model/router_loss.h"
#include "naive_decoder.h"

namespace holdfast::model {
namespace {

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

checkpoint::AdapterConfig rank_two() {
  checkpoint::AdapterConfig config;
  config.rank = 2;
  return config;
}

bool is_router(const std::string& name) {
  return name.ends_with("block_sparse_moe.gate.weight") || name.ends_with("mlp.gate.weight") ||
         name.ends_with("mlp.router.weight");
}

// A checkpoint in double with an adapter that moves it, and what a forward pass of both documents kept.
class Experts : public ::testing::TestWithParam<std::string> {
 protected:
  struct Pass {
    explicit Pass(const testing::GoldenCheckpoint& golden)
        : decoder(Decoder::load(golden.directory(), Precision::kFp32, at::kDouble)),
          adapter(Adapter::fresh(decoder.config(), rank_two(), 3).to(at::kDouble)),
          batch(golden.batch()) {
      adapter.flat().add_(at::randn_like(adapter.flat()), 0.1);  // B must not be zero
      hidden = decoder.forward(batch, &adapter, nullptr, &kept);
      logits = decoder.logits(hidden);
      dlogits = at::randn(logits.sizes(), logits.options());
    }
    Adapter backward() {
      Adapter gradient = adapter.zeros_like();
      decoder.backward(decoder.logits_backward(dlogits, logits), batch, adapter, kept, gradient);
      return gradient;
    }
    // The chosen experts of all layers, counted.
    std::vector<std::int64_t> counts() const {
      std::vector<std::int64_t> counts(static_cast<std::size_t>(decoder.config().moe.num_experts));
      for (const LayerActivations& layer : kept.layers) {
        const auto& starts = layer.moe.routing.starts;
        for (std::size_t e = 0; e + 1 < starts.size(); ++e) counts[e] += starts[e + 1] - starts[e];
      }
      return counts;
    }

    Decoder decoder;
    Adapter adapter;
    TokenBatch batch;
    Activations kept;
    at::Tensor hidden, logits, dlogits;
  };

  // The gradient of sum(logits * dlogits) + scale * loss of the routers, by autograd; and that loss.
  static std::pair<at::Tensor, double> by_autograd(const Pass& pass, const testing::GoldenCheckpoint& golden,
                                                   double scale) {
    at::Tensor flat = pass.adapter.flat().clone().requires_grad_(true);
    const testing::NaiveDecoder naive(pass.decoder, pass.adapter, flat);
    at::Tensor loss =
        (at::cat({naive.logits(golden.document(0)), naive.logits(golden.document(1))}) * pass.dlogits).sum();
    const at::Tensor p = at::cat(naive.routed);
    const auto& moe = pass.decoder.config().moe;
    const at::Tensor chosen = std::get<1>(p.topk(moe.top_k)).reshape({-1});
    const at::Tensor shares = chosen.bincount({}, moe.num_experts).to(at::kDouble) / p.size(0);
    const at::Tensor aux = (shares * p.mean(0)).sum() * moe.num_experts;
    (loss + scale * aux).backward();
    return {flat.grad(), aux.item<double>()};
  }
};

TEST_P(Experts, AuxiliaryLossEqualsTransformers) {
  const testing::GoldenCheckpoint golden(GetParam());
  Decoder decoder = Decoder::load(golden.directory(), Precision::kFp32);
  TokenBatch batch;
  batch.add(golden.document(0));
  Activations kept;
  decoder.forward(batch, nullptr, nullptr, &kept);
  EXPECT_NEAR(router_loss(decoder.config(), kept, 0), golden.aux_loss(), 1e-6 * golden.aux_loss());
}

TEST_P(Experts, GradientOfTheAuxiliaryLossEqualsAutograd) {
  const testing::GoldenCheckpoint golden(GetParam());
  Pass pass(golden);
  constexpr double kScale = 300;  // so that it is no small part of the whole
  const double loss = router_loss(pass.decoder.config(), pass.kept, kScale);
  const auto [expected, expected_loss] = by_autograd(pass, golden, kScale);
  EXPECT_NEAR(loss, expected_loss, 1e-12 * expected_loss);
  EXPECT_LE(largest(pass.backward().flat().sub(expected)), 1e-9 * largest(expected));
  const auto [without, same_loss] = by_autograd(pass, golden, 0);
  EXPECT_GT(largest(without.sub(expected)), 1e-3 * largest(expected)) << "the test must see the auxiliary loss";
}

TEST_P(Experts, TiesGoWhereTopkPutsThemAndTheRestStayEmpty) {
  const testing::GoldenCheckpoint golden(GetParam(), [](const std::string& name, at::Tensor& weight) {
    if (is_router(name)) {  // a single number: however a product is summed, the logits are the same
      weight = at::zeros_like(weight);
      weight.select(1, 0).fill_(2);
    }
    if (name.ends_with("mlp.router.bias")) weight = at::zeros_like(weight);
  });
  Pass pass(golden);
  const auto& moe = pass.decoder.config().moe;
  const at::Tensor p = at::full({1, moe.num_experts}, 1.0 / static_cast<double>(moe.num_experts), at::kDouble);
  const at::Tensor expected = std::get<1>(p.topk(moe.top_k));
  std::int64_t layers = 0;
  for (const LayerActivations& layer : pass.kept.layers) {
    if (!layer.moe.routing.chosen.defined()) continue;
    ++layers;
    EXPECT_TRUE(layer.moe.routing.chosen.equal(expected.expand_as(layer.moe.routing.chosen)));
    EXPECT_LT(largest(layer.moe.routing.weights.sub(layer.moe.routing.weights.mean())), 1e-15);
  }
  const std::vector<std::int64_t> counts = pass.counts();
  EXPECT_EQ(std::count(counts.begin(), counts.end(), 0), moe.num_experts - moe.top_k);
  EXPECT_EQ(*std::max_element(counts.begin(), counts.end()), layers * pass.batch.size());
}

TEST_P(Experts, AnEmptyExpertHasNoGradientAndTheOthersHaveTheirOwn) {
  // All routers look at one number of the hidden state, with slopes of two sizes: experts 0 and 1 share all tokens.
  const testing::GoldenCheckpoint golden(GetParam(), [](const std::string& name, at::Tensor& weight) {
    if (is_router(name)) {
      weight = at::zeros_like(weight);
      weight.select(1, 0).copy_(at::arange(weight.size(0), weight.options()).sub(2).mul(5));
    }
    if (name.ends_with("mlp.router.bias")) weight = at::zeros_like(weight);
  });
  Pass pass(golden);
  const std::vector<std::int64_t> counts = pass.counts();
  const auto [expected, loss] = by_autograd(pass, golden, 0);
  const Adapter gradient = pass.backward();
  EXPECT_LE(largest(gradient.flat().sub(expected)), 1e-9 * largest(expected));
  std::int64_t empty = 0;
  for (const auto& module : checkpoint::linear_modules(pass.decoder.config())) {
    if (module.expert < 0 || !module.is_adaptable || counts[module.expert] > 0) continue;
    ++empty;
    const LoraPair& pair = gradient.pair(module.layer, module.projection, module.expert);
    EXPECT_EQ(largest(pair.a), 0) << module.path;
    EXPECT_EQ(largest(pair.b), 0) << module.path;
  }
  EXPECT_TRUE(empty > 0 || GetParam() == "gpt_oss") << "no expert was empty";
}

INSTANTIATE_TEST_SUITE_P(All, Experts, ::testing::Values("mixtral", "qwen3_moe", "gpt_oss"),
                         [](const auto& test) { return test.param; });

TEST(RouterLoss, IsZeroWithoutExperts) {
  const testing::GoldenCheckpoint golden("llama");
  Decoder decoder = Decoder::load(golden.directory(), Precision::kFp32);
  Activations kept;
  decoder.forward(golden.batch(), nullptr, nullptr, &kept);
  EXPECT_EQ(router_loss(decoder.config(), kept, 1), 0);
}

}  // namespace
}  // namespace holdfast::model
