// The whole hand-written backward pass against torch's autograd, in double: the same model written with torch's
// differentiable operators, one sequence at a time, attention as a masked softmax.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "model/decoder.h"
#include "tiny_llama.h"
#include "training/loss.h"

namespace holdfast::training {
namespace {

std::string module_path(std::int64_t layer, model::Projection projection) {
  return "model.layers." + std::to_string(layer) + "." + checkpoint::TensorNames{}.projections[projection];
}

using model::Projection;

struct Case {
  std::string name;
  testing::TinyLlama model;
  model::Precision precision = model::Precision::kFp32;
  checkpoint::AdapterConfig adapter;
  std::vector<std::int64_t> lengths;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

struct Leaf {
  at::Tensor a, b;
  double scale;
};

// Llama as its paper and transformers write it, on tensors that may require a gradient.
class Reference {
 public:
  Reference(const checkpoint::ModelConfig& config, std::map<std::string, at::Tensor> weights,
            std::map<std::string, Leaf> leaves)
      : config_(config), weights_(std::move(weights)), leaves_(std::move(leaves)) {}

  // Summed cross-entropy of one sequence; labels [s], -100 where the token is no target.
  at::Tensor loss(const at::Tensor& ids, const at::Tensor& labels) const {
    const auto& c = config_;
    at::Tensor x = weights_.at("model.embed_tokens.weight").index_select(0, ids);  // [s, d]
    const std::int64_t s = ids.size(0);
    const at::Tensor hidden = at::full({s, s}, -INFINITY, at::kDouble).triu(1);  // what a token may not see
    for (std::int64_t layer = 0; layer < c.num_layers; ++layer) {
      const std::string prefix = "model.layers." + std::to_string(layer) + ".";
      const at::Tensor h = norm(x, prefix + "input_layernorm.weight");
      const auto heads = [&](Projection projection, std::int64_t count) {
        return linear(h, module_path(layer, projection)).view({s, count, c.head_dim}).transpose(0, 1);
      };
      const std::int64_t group = c.num_heads / c.num_kv_heads;
      const at::Tensor q = rotate(heads(Projection::kQuery, c.num_heads));                                 // [h, s, k]
      const at::Tensor k = rotate(heads(Projection::kKey, c.num_kv_heads)).repeat_interleave(group, 0);    // [h, s, k]
      const at::Tensor v = heads(Projection::kValue, c.num_kv_heads).repeat_interleave(group, 0);          // [h, s, k]
      const at::Tensor scores = q.matmul(k.transpose(1, 2)) / std::sqrt(static_cast<double>(c.head_dim));  // [h, s, s]
      const at::Tensor o =
          (scores + hidden).softmax(-1).matmul(v).transpose(0, 1).reshape({s, c.num_heads * c.head_dim});
      const at::Tensor y = x + linear(o, module_path(layer, Projection::kOutput));
      const at::Tensor h2 = norm(y, prefix + "post_attention_layernorm.weight");
      const at::Tensor gate = linear(h2, module_path(layer, Projection::kGate));
      const at::Tensor up = linear(h2, module_path(layer, Projection::kUp));
      x = y + linear(gate * gate.sigmoid() * up, module_path(layer, Projection::kDown));
    }
    const auto& head = weights_.at(c.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
    const at::Tensor logits = norm(x, "model.norm.weight").matmul(head.t());  // [s, v]
    return at::cross_entropy_loss(logits.narrow(0, 0, s - 1), labels.narrow(0, 1, s - 1), {}, at::Reduction::Sum, -100);
  }

 private:
  at::Tensor norm(const at::Tensor& x, const std::string& weight) const {
    return x * (x.pow(2).mean(-1, true) + config_.rms_norm_eps).rsqrt() * weights_.at(weight);
  }
  at::Tensor linear(const at::Tensor& x, const std::string& module) const {
    const at::Tensor y = x.matmul(weights_.at(module + ".weight").t());
    const auto leaf = leaves_.find(module);
    if (leaf == leaves_.end()) return y;
    return y + x.matmul(leaf->second.a.t()).matmul(leaf->second.b.t()) * leaf->second.scale;
  }
  at::Tensor rotate(const at::Tensor& x) const {  // [heads, s, k]; angles in float, as transformers forms them
    const std::int64_t k = config_.head_dim, half = k / 2;
    const at::Tensor inverse = at::full({half}, config_.ropes[0].theta, at::kFloat)
                                   .pow(at::arange(0, k, 2, at::kFloat) / static_cast<double>(k))
                                   .reciprocal();
    const at::Tensor angles = at::arange(x.size(1), at::kFloat).unsqueeze(1) * inverse;  // [s, k / 2]
    const at::Tensor cos = at::cat({angles, angles}, 1).cos().to(at::kDouble);
    const at::Tensor sin = at::cat({angles, angles}, 1).sin().to(at::kDouble);
    const at::Tensor turned = at::cat({-x.narrow(2, half, half), x.narrow(2, 0, half)}, 2);
    return x * cos + turned * sin;
  }

  checkpoint::ModelConfig config_;
  std::map<std::string, at::Tensor> weights_;
  std::map<std::string, Leaf> leaves_;
};

class Backward : public ::testing::TestWithParam<Case> {};

TEST_P(Backward, EqualsAutogradInDoubleForEveryParameter) {
  const Case& test = GetParam();
  const testing::TemporaryDirectory directory;
  auto weights = testing::write_tiny_llama(directory.path(), test.model);
  auto decoder = model::Decoder::load(directory.path(), test.precision, at::kDouble);
  for (auto& [name, value] : weights) value = value.to(at::kDouble);

  Random random(7);
  auto adapter = model::Adapter::fresh(decoder.config(), test.adapter, 3).to(at::kDouble);
  adapter.flat().copy_(testing::random_tensor(adapter.flat().sizes(), random, 0.1, at::kDouble));  // B is not zero
  std::map<std::string, Leaf> leaves;
  for (std::int64_t layer = 0; layer < decoder.config().num_layers; ++layer) {
    for (const Projection projection : model::kProjections) {
      if (checkpoint::TensorNames{}.projections[projection].empty()) continue;  // no layer of Llama
      const std::string module = module_path(layer, projection);
      const auto& matrix = decoder.layers()[layer][projection];
      EXPECT_EQ(matrix.is_quantized(), test.precision == model::Precision::kNf4);
      at::Tensor scratch;
      if (matrix.is_quantized()) weights[module + ".weight"] = matrix.dense_into(scratch, at::kDouble).clone();
      const model::LoraPair& pair = adapter.pair(layer, projection);
      if (!pair.is_present()) continue;
      leaves[module] = {pair.a.clone().requires_grad_(true), pair.b.clone().requires_grad_(true), pair.scale};
    }
  }
  ASSERT_FALSE(leaves.empty());

  // Every third token is no target.
  const Reference reference(decoder.config(), weights, leaves);
  model::TokenBatch batch;
  std::vector<Target> targets;
  at::Tensor expected = at::full({}, 0, at::kDouble);
  for (const std::int64_t length : test.lengths) {
    std::vector<std::int32_t> ids(length);
    std::vector<std::int64_t> labels(length, -100);
    for (std::int64_t i = 0; i < length; ++i) {
      ids[i] = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(test.model.vocabulary)));
      if (i > 0 && i % 3 != 0) labels[i] = ids[i], targets.push_back({batch.size() + i - 1, ids[i]});
    }
    batch.add(ids);
    if (length > 1)
      expected =
          expected + reference.loss(at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end())), at::tensor(labels));
  }
  const double scale = 1.0 / static_cast<double>(targets.size());
  (expected * scale).backward();

  model::Activations kept;
  model::Adapter gradient = adapter.zeros_like();
  const at::Tensor hidden = decoder.forward(batch, &adapter, nullptr, &kept);
  const LossResult loss = cross_entropy(decoder, hidden, targets, scale, true, /*chunk_rows=*/50);
  decoder.backward(loss.dhidden, batch, adapter, kept, gradient);
  EXPECT_NEAR(loss.sum, expected.item<double>(), 1e-11 * loss.sum);
  double worst = 0;
  for (std::int64_t layer = 0; layer < decoder.config().num_layers; ++layer) {
    for (const Projection projection : model::kProjections) {
      if (checkpoint::TensorNames{}.projections[projection].empty()) continue;  // no layer of Llama
      const model::LoraPair& ours = gradient.pair(layer, projection);
      if (!ours.is_present()) continue;
      const Leaf& theirs = leaves.at(module_path(layer, projection));
      for (const auto& [name, found, wanted] :
           {std::tuple{".lora_A", ours.a, theirs.a.grad()}, std::tuple{".lora_B", ours.b, theirs.b.grad()}}) {
        const double size = wanted.abs().max().item<double>();
        const double difference = (found - wanted).abs().max().item<double>();
        EXPECT_GT(size, 1e-7) << module_path(layer, projection) << name << " has no gradient to compare";
        EXPECT_LE(difference, 1e-9 * size) << module_path(layer, projection) << name;
        worst = std::max(worst, difference / size);
      }
    }
  }
  RecordProperty("largest_relative_difference", std::to_string(worst));
  std::printf("largest relative difference %.1e\n", worst);
}

checkpoint::AdapterConfig adapter_config(std::vector<std::string> targets, std::int64_t rank = 4) {
  checkpoint::AdapterConfig config;
  config.rank = rank;
  config.target_modules = std::move(targets);
  return config;
}

std::vector<Case> cases() {
  const std::vector<std::int64_t> packed = {1, 2, 17, 64, 129};
  const testing::TinyLlama grouped = {.layers = 3, .heads = 6, .kv_heads = 2, .head_dim = 10};  // h * k is not d
  auto ranks = adapter_config({"all-linear"});
  ranks.rank_pattern = {{"q_proj", 1}, {"layers.1.mlp.down_proj", 9}};
  ranks.alpha_pattern = {{"o_proj", 5}};
  auto rslora = adapter_config({"all-linear"}, 5);
  rslora.use_rslora = true;
  return {
      {"OneSequence", {}, model::Precision::kFp32, adapter_config({"all-linear"}), {33}},
      {"Packed", {}, model::Precision::kFp32, adapter_config({"all-linear"}), packed},
      {"Tied", {.is_tied = true}, model::Precision::kFp32, adapter_config({"all-linear"}), packed},
      {"GroupedQueries", grouped, model::Precision::kFp32, adapter_config({"all-linear"}), packed},
      {"OneKeyHead", {.kv_heads = 1}, model::Precision::kFp32, adapter_config({"all-linear"}), {129, 7}},
      {"QueryAndValueOnly", grouped, model::Precision::kFp32, adapter_config({"q_proj", "v_proj"}), packed},
      {"MlpOnly", {.is_tied = true}, model::Precision::kFp32, adapter_config({"gate_proj", "down_proj"}), packed},
      {"RanksByModule", grouped, model::Precision::kFp32, ranks, packed},
      {"RankStabilised", {}, model::Precision::kFp32, rslora, {17, 40}},
      {"Nf4", {}, model::Precision::kNf4, adapter_config({"all-linear"}), packed},
      {"Nf4GroupedTied", {.kv_heads = 2, .is_tied = true}, model::Precision::kNf4, ranks, {64, 3}},
  };
}

INSTANTIATE_TEST_SUITE_P(Llama, Backward, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace holdfast::training
