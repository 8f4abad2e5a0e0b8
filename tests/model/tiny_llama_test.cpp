// The decoder and its parts against transformers 5.14.1's own intermediate values on a small random Llama in bf16.
// fp32 against fp32: sums are formed in another order, no more.
#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "checkpoint/safetensors.h"
#include "model/decoder.h"
#include "model/rms_norm.h"
#include "model/swiglu.h"
#include "shared_data.h"

namespace holdfast::model {
namespace {

const std::filesystem::path kDirectory = testing::shared_data() / "checkpoints/tiny-llama";

checkpoint::SafetensorsFile golden(const char* name) {
  return checkpoint::SafetensorsFile(kDirectory / "expected" / name);
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

std::vector<std::int32_t> ids_of(const nlohmann::json& list) { return list.get<std::vector<std::int32_t>>(); }

TEST(TinyLlama, EveryLayerGivesTransformersActivations) {
  HOLDFAST_NEEDS(kDirectory);
  const auto expected = golden("activations.safetensors");
  const auto meta = nlohmann::json::parse(read_file(kDirectory / "expected/meta.json"));
  Decoder decoder = Decoder::load(kDirectory, Precision::kFp32);
  TokenBatch batch;
  batch.add(ids_of(meta["input_ids"]));
  batch.add(ids_of(meta["input_ids"]));  // a second sequence must not see the first
  Activations kept;
  const at::Tensor hidden = decoder.forward(batch, nullptr, nullptr, &kept);
  ASSERT_EQ(kept.layers.size(), 2u);
  for (const std::int64_t begin : {0, 16}) {
    const auto expect = [&](const char* name, const at::Tensor& ours, double tolerance) {
      const at::Tensor wanted = expected.tensor(name)[0];
      const double scale = std::max(1.0, wanted.abs().max().item<double>());
      EXPECT_LE(largest_difference(ours.narrow(0, begin, 16), wanted), tolerance * scale) << name;
    };
    expect("embeddings", kept.layers[0].x, 0);
    expect("layers.0", kept.layers[1].x, 1e-5);
    expect("layers.1", kept.last, 1e-5);
    expect("final_norm", hidden, 1e-5);
    expect("logits", decoder.logits(hidden), 1e-5);
  }
}

TEST(TinyLlama, GreedyTokensOfABatchWithACacheAreTransformers) {
  HOLDFAST_NEEDS(kDirectory);
  const auto cases = nlohmann::json::parse(read_file(kDirectory / "expected/generate.json"))["cases"];
  Decoder decoder = Decoder::load(kDirectory, Precision::kFp32);
  TokenBatch batch;
  KvPages pages(decoder.config(), std::int64_t{1} << 24);
  std::deque<KvSequence> sequences;
  KvCache cache;
  for (const auto& one : cases) {
    batch.add(ids_of(one["prompt_ids"]));
    cache.sequences.push_back(&sequences.emplace_back(pages));
  }
  std::vector<std::vector<std::int32_t>> answers(cases.size());
  for (int step = 0; step < 40; ++step) {
    const at::Tensor hidden = decoder.forward(batch, nullptr, &cache);
    TokenBatch next;
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const auto row = decoder.logits(hidden.narrow(0, batch.starts[i + 1] - 1, 1));
      answers[i].push_back(static_cast<std::int32_t>(row.argmax().item<std::int64_t>()));
      next.add(std::span(&answers[i].back(), 1), sequences[i].length());
    }
    batch = std::move(next);
  }
  for (std::size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(answers[i], ids_of(cases[i]["generated_ids"])) << i;
}

TEST(TinyLlama, CachedAttentionContinuesWhatWasSeen) {
  HOLDFAST_NEEDS(kDirectory);
  const auto file = golden("attention.safetensors");
  const auto meta = nlohmann::json::parse(read_file(kDirectory / "expected/attention_meta.json"));
  const auto config = checkpoint::read_config(kDirectory);
  for (const auto& one : meta["cases"]) {
    const auto name = one["name"].get<std::string>();
    const auto past = one["P"].get<std::int64_t>(), count = one["T"].get<std::int64_t>();
    const auto layer = one["layer"].get<std::int64_t>();
    const auto rows = [](const at::Tensor& head_major) {  // [g, s, k] -> [s, g * k]
      return head_major.transpose(0, 1).reshape({head_major.size(1), -1}).contiguous();
    };
    const at::Tensor keys = rows(file.tensor(name + ".k_all")), values = rows(file.tensor(name + ".v_all"));
    KvPages pages(config, std::int64_t{1} << 20);
    KvSequence sequence(pages);
    if (past > 0) {
      const at::Tensor past_keys = rows(file.tensor(name + ".past_k")),
                       past_values = rows(file.tensor(name + ".past_v"));
      sequence.make_room(past);
      for (std::int64_t head = 0; head < config.num_kv_heads; ++head)
        sequence.write(layer, head, {past_keys.const_data_ptr<float>(), past_values.const_data_ptr<float>(), past});
      sequence.advance(past);
    }
    const KvCache cache{{&sequence}};
    TokenBatch batch;
    batch.add(std::vector<std::int32_t>(static_cast<std::size_t>(count)), past);
    const at::Tensor out =
        cached_attention(file.tensor(name + ".q_rot").reshape({count, -1}), keys.narrow(0, past, count),
                         values.narrow(0, past, count), batch, {4, 2, 16}, cache, layer);
    EXPECT_LE(largest_difference(out, file.tensor(name + ".ctx").reshape({count, -1})), 1e-6) << name;
  }
}

TEST(TinyLlama, RotationEqualsTransformers) {
  HOLDFAST_NEEDS(kDirectory);
  const auto file = golden("rope.safetensors");
  const at::Tensor inverse = rope_inverse_frequencies(checkpoint::read_config(kDirectory));
  for (const std::string name : {"tiny_sparse", "tiny_contig"}) {
    const at::Tensor stored = file.tensor(name + ".positions").to(at::kLong);
    const std::vector<std::int64_t> positions(stored.const_data_ptr<std::int64_t>(),
                                              stored.const_data_ptr<std::int64_t>() + stored.numel());
    const RopeTable table = rope_table(inverse, positions, at::kFloat);
    for (const std::string what : {".q", ".k"}) {
      const at::Tensor given = file.tensor(name + what), expected = file.tensor(name + what + "_out");
      at::Tensor x = given.reshape({stored.numel(), -1}).clone();
      apply_rotary(x, table, 16);
      EXPECT_LE(largest_difference(x, expected.reshape({stored.numel(), -1})), 2e-5) << name << what;
    }
  }
}

TEST(TinyLlama, NormAndGateEqualTorch) {
  HOLDFAST_NEEDS(kDirectory);
  const auto file = golden("ops.safetensors");
  for (const auto& [name, eps] : {std::pair{"rmsnorm_f32", 1e-5}, {"rmsnorm_bf16", 1e-5}, {"rmsnorm_eps", 0.5}}) {
    const std::string key = name;
    const at::Tensor y = rms_norm(file.tensor(key + ".x").to(at::kFloat).contiguous(),
                                  file.tensor(key + ".weight").to(at::kFloat).contiguous(), eps);
    EXPECT_TRUE(at::allclose(y, file.tensor(key + ".y"), 1e-6, 1e-6)) << name;
  }
  for (const std::string name : {"silu_mul", "silu_mul_unit", "silu_mul_large"}) {
    const at::Tensor y = swiglu(file.tensor(name + ".gate").clone(), file.tensor(name + ".up").clone());
    EXPECT_TRUE(at::allclose(y, file.tensor(name + ".y"), 1e-6, 1e-6)) << name;
  }
}

}  // namespace
}  // namespace holdfast::model
