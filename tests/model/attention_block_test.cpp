#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>
#include <gtest/gtest.h>

#include "model/activation.h"
#include "naive_decoder.h"

namespace holdfast::model {
namespace {

struct Case {
  const char* name;
  std::int64_t num_heads, num_kv_heads, window;
  double scale, soft_cap;
  bool has_sinks;
};

class AttentionBlock : public ::testing::TestWithParam<Case> {};

// Lengths about the block of 64 queries, packed.
TEST_P(AttentionBlock, ForwardAndBackwardEqualAutogradInDouble) {
  const Case& c = GetParam();
  AttentionShape shape{c.num_heads, c.num_kv_heads, 6, c.scale, c.window, c.soft_cap};
  if (c.has_sinks) shape.sinks = at::randn({c.num_heads}, at::kDouble);
  TokenBatch batch;
  const std::vector<std::int64_t> lengths = {1, 63, 64, 65, 130};
  for (const std::int64_t n : lengths) batch.add(std::vector<std::int32_t>(static_cast<std::size_t>(n)));
  const std::int64_t t = batch.size();
  const at::Tensor q = at::randn({t, c.num_heads * 6}, at::kDouble).mul_(2), dout = at::randn_like(q);
  const at::Tensor k = at::randn({t, c.num_kv_heads * 6}, at::kDouble), v = at::randn_like(k);
  const AttentionResult forward = attention(q, k, v, batch, shape);
  const AttentionGradient ours = attention_backward(dout, q, k, v, forward, batch, shape);

  const at::Tensor q2 = q.clone().requires_grad_(true), k2 = k.clone().requires_grad_(true);
  const at::Tensor v2 = v.clone().requires_grad_(true);
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto own = [&](const at::Tensor& x) { return x.narrow(0, batch.starts[i], lengths[i]); };
    parts.push_back(testing::naive_attention(own(q2), own(k2), own(v2), shape));
  }
  const at::Tensor expected = at::cat(parts);
  (expected * dout).sum().backward();
  EXPECT_LT((forward.out - expected).abs().max().item<double>(), 1e-12);
  EXPECT_LT((ours.q - q2.grad()).abs().max().item<double>(), 1e-12 + 1e-9 * q2.grad().abs().max().item<double>());
  EXPECT_LT((ours.k - k2.grad()).abs().max().item<double>(), 1e-12 + 1e-9 * k2.grad().abs().max().item<double>());
  EXPECT_LT((ours.v - v2.grad()).abs().max().item<double>(), 1e-12 + 1e-9 * v2.grad().abs().max().item<double>());
}

INSTANTIATE_TEST_SUITE_P(All, AttentionBlock,
                         ::testing::Values(Case{"plain", 4, 2, 0, 0, 0, false}, Case{"scaled", 4, 4, 0, 0.7, 0, false},
                                           Case{"window_of_one", 2, 1, 1, 0, 0, false},
                                           Case{"window", 4, 1, 17, 0, 0, false},
                                           Case{"window_of_a_block", 4, 2, 64, 0, 0, false},
                                           Case{"capped", 4, 2, 0, 0, 1.5, false}, Case{"sinks", 4, 2, 0, 0, 0, true},
                                           Case{"all_at_once", 6, 2, 30, 0.3, 2, true}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Activation, GradientsEqualAutogradInDouble) {
  for (const auto kind :
       {checkpoint::Activation::kSilu, checkpoint::Activation::kGeluTanh, checkpoint::Activation::kClampedSwiglu}) {
    checkpoint::ModelConfig config;
    config.activation = kind;
    config.moe.swiglu_alpha = 1.702, config.moe.swiglu_limit = 1.5;  // so low that both sides of it are met
    const at::Tensor gate = at::randn({40, 9}, at::kDouble).mul_(2).requires_grad_(true);
    const at::Tensor up = at::randn_like(gate).mul(2).detach().requires_grad_(true);
    const at::Tensor da = at::randn({40, 9}, at::kDouble);
    const SwigluGradient ours = gated_backward(config, da, gate.detach(), up.detach());
    (gated(config, gate, up) * da).sum().backward();
    EXPECT_LT((ours.gate - gate.grad()).abs().max().item<double>(), 1e-12);
    EXPECT_LT((ours.up - up.grad()).abs().max().item<double>(), 1e-12);
  }
}

}  // namespace
}  // namespace holdfast::model
