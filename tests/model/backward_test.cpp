// Each operation's backward pass by itself against torch's autograd, in double.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include "model/attention.h"
#include "model/lora_linear.h"
#include "model/rms_norm.h"
#include "model/rope.h"
#include "model/swiglu.h"
#include "tiny_llama.h"

namespace holdfast::model {
namespace {

at::Tensor draw(at::IntArrayRef shape, std::uint64_t seed, double deviation = 1) {
  Random random(seed);
  return testing::random_tensor(shape, random, deviation, at::kDouble);
}

at::Tensor leaf(const at::Tensor& value) { return value.clone().requires_grad_(true); }

void expect_equal(const at::Tensor& found, const at::Tensor& expected, const char* what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  const double size = expected.abs().max().item<double>();
  ASSERT_GT(size, 0) << what << " has nothing to compare";
  EXPECT_LE((found - expected).abs().max().item<double>(), 1e-11 * size) << what;
}

// The gradient of sum(y * dy).
void run_backward(const at::Tensor& y, const at::Tensor& dy) { (y * dy).sum().backward(); }

TEST(RmsNormBackward, EqualsAutogradAndAddsToWhatIsThere) {
  for (const std::int64_t d : {2, 7, 64, 193}) {
    const at::Tensor x = draw({5, d}, 1, 3), w = draw({d}, 2), dy = draw({5, d}, 3), before = draw({5, d}, 4);
    x.select(0, 1).mul_(1e-4);  // eps counts
    const at::Tensor x_leaf = leaf(x);
    const at::Tensor y = x_leaf * (x_leaf.pow(2).mean(-1, true) + 1e-5).rsqrt() * w;
    run_backward(y, dy);
    at::Tensor dx = before.clone();
    rms_norm_backward(dy, x, w, 1e-5, dx);
    expect_equal(rms_norm(x, w, 1e-5), y.detach(), "y");
    for (std::int64_t row = 0; row < 5; ++row)  // row by row: the sizes differ widely
      expect_equal((dx - before).select(0, row), x_leaf.grad().select(0, row), "dx");
  }
}

TEST(SwigluBackward, EqualsAutogradAlsoFarFromZero) {
  const at::Tensor gate = draw({9, 37}, 1, 2), up = draw({9, 37}, 2), da = draw({9, 37}, 3);
  gate.select(0, 0).mul_(20);  // sigma is flat there
  gate.select(0, 1).fill_(0);
  const at::Tensor gate_leaf = leaf(gate), up_leaf = leaf(up);
  const at::Tensor a = gate_leaf * gate_leaf.sigmoid() * up_leaf;
  run_backward(a, da);
  const SwigluGradient gradient = swiglu_backward(da, gate, up);
  expect_equal(swiglu(gate, up), a.detach(), "a");
  expect_equal(gradient.gate, gate_leaf.grad(), "dgate");
  expect_equal(gradient.up, up_leaf.grad(), "dup");
}

TEST(RotaryBackward, IsTheInverseRotation) {
  const std::int64_t k = 10, half = 5, heads = 3;
  const std::vector<std::int64_t> positions = {0, 1, 2, 0, 100, 4000};
  const auto t = static_cast<std::int64_t>(positions.size());
  const at::Tensor inverse =
      at::full({half}, 10000.0, at::kFloat).pow(at::arange(0, k, 2, at::kFloat) / 10.0).reciprocal();
  const RopeTable table = rope_table(inverse, positions, at::kDouble);
  const at::Tensor x = draw({t, heads * k}, 1), dy = draw({t, heads * k}, 2);
  const at::Tensor x_leaf = leaf(x), x_heads = x_leaf.view({t, heads, k});
  const at::Tensor cos = at::cat({table.cos, table.cos}, 1).unsqueeze(1),
                   sin = at::cat({table.sin, table.sin}, 1).unsqueeze(1);
  const at::Tensor turned = at::cat({-x_heads.narrow(2, half, half), x_heads.narrow(2, 0, half)}, 2);
  const at::Tensor y = (x_heads * cos + turned * sin).view({t, heads * k});
  run_backward(y, dy);
  at::Tensor rotated = x.clone(), dx = dy.clone();
  apply_rotary(rotated, table, k);
  apply_rotary(dx, table, k, /*inverse=*/true);
  expect_equal(rotated, y.detach(), "y");
  expect_equal(dx, x_leaf.grad(), "dx");
}

TEST(AttentionBackward, EqualsAutogradOfMaskedSoftmaxWithinEachSequence) {
  for (const AttentionShape shape : {AttentionShape{4, 4, 16}, AttentionShape{6, 2, 10}, AttentionShape{3, 1, 64}}) {
    const std::int64_t h = shape.num_heads, g = shape.num_kv_heads, k = shape.head_dim;
    TokenBatch batch;
    for (const std::int64_t length : {1, 2, 17, 64, 129, 600}) batch.add(std::vector<std::int32_t>(length));
    const std::int64_t t = batch.size();
    const at::Tensor q = draw({t, h * k}, 1), keys = draw({t, g * k}, 2), v = draw({t, g * k}, 3),
                     dout = draw({t, h * k}, 4);
    const at::Tensor q_leaf = leaf(q), k_leaf = leaf(keys), v_leaf = leaf(v);
    std::vector<at::Tensor> parts;
    for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
      const std::int64_t begin = batch.starts[i], s = batch.starts[i + 1] - begin;
      const auto heads = [&](const at::Tensor& x, std::int64_t n) {
        return x.narrow(0, begin, s).view({s, n, k}).transpose(0, 1).repeat_interleave(h / n, 0);  // [h, s, k]
      };
      const at::Tensor scores =
          heads(q_leaf, h).matmul(heads(k_leaf, g).transpose(1, 2)) / std::sqrt(static_cast<double>(k));
      const at::Tensor mask = at::full({s, s}, -INFINITY, at::kDouble).triu(1);
      parts.push_back((scores + mask).softmax(-1).matmul(heads(v_leaf, g)).transpose(0, 1).reshape({s, h * k}));
    }
    const at::Tensor out = at::cat(parts);
    run_backward(out, dout);
    const AttentionResult forward = attention(q, keys, v, batch, shape);
    const AttentionGradient gradient = attention_backward(dout, q, keys, v, forward, batch, shape);
    expect_equal(forward.out, out.detach(), "out");
    expect_equal(gradient.q, q_leaf.grad(), "dq");
    expect_equal(gradient.k, k_leaf.grad(), "dk");
    expect_equal(gradient.v, v_leaf.grad(), "dv");
  }
}

TEST(LoraLinearBackward, EqualsAutogradOnDenseAndNf4WeightsAndAddsToTheGradient) {
  const std::int64_t t = 11, in = 64, out = 40, r = 3;
  const at::Tensor stored = draw({out, in}, 1), x = draw({t, in}, 2), dy = draw({t, out}, 3);
  const LoraPair lora{draw({r, in}, 4), draw({out, r}, 5), 0.7};
  for (const bool is_quantized : {false, true}) {
    const quant::Matrix weight =
        is_quantized ? quant::Matrix::nf4(stored.to(at::kFloat)) : quant::Matrix::dense(stored);
    at::Tensor scratch;
    const at::Tensor w = weight.dense_into(scratch, at::kDouble).clone();
    const at::Tensor x_leaf = leaf(x), a = leaf(lora.a), b = leaf(lora.b);
    const at::Tensor y = x_leaf.matmul(w.t()) + x_leaf.matmul(a.t()).matmul(b.t()) * lora.scale;
    run_backward(y, dy);
    const LoraPair gradient{draw({r, in}, 6), draw({out, r}, 7), lora.scale};
    const at::Tensor before_a = gradient.a.clone(), before_b = gradient.b.clone();
    const at::Tensor dx = lora_linear_backward(dy, x, weight, &lora, &gradient, true);
    expect_equal(lora_linear(x, weight, &lora), y.detach(), "y");
    expect_equal(dx, x_leaf.grad(), "dx");
    expect_equal(gradient.a - before_a, a.grad(), "dA");
    expect_equal(gradient.b - before_b, b.grad(), "dB");
    EXPECT_FALSE(lora_linear_backward(dy, x, weight, &lora, &gradient, false).defined());
    expect_equal(gradient.a - before_a, a.grad() * 2, "dA of two calls");
    expect_equal(lora_linear_backward(dy, x, weight, nullptr, nullptr, true), dy.matmul(w), "dx of the bare layer");
  }
}

}  // namespace
}  // namespace holdfast::model
