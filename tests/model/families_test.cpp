// Every family: logits against transformers' (tests/golden/families), gradients against autograd in double.
#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>
#include <gtest/gtest.h>

#include <set>

#include "checkpoint/families/family.h"
#include "golden_checkpoint.h"
#include "model/memory_plan.h"
#include "naive_decoder.h"

namespace holdfast::model {
namespace {

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

class Family : public ::testing::TestWithParam<std::string> {
 protected:
  testing::GoldenCheckpoint golden_{GetParam()};
};

TEST_P(Family, LogitsOfAPackEqualTransformers) {
  Decoder decoder = Decoder::load(golden_.directory(), Precision::kFp32);
  const at::Tensor ours = decoder.logits(decoder.forward(golden_.batch())), theirs = golden_.logits();
  EXPECT_LT(largest(ours.sub(theirs)), 1e-5 * largest(theirs));
}

TEST_P(Family, APromptMayBeSplitAnywhereOverTheCache) {
  Decoder decoder = Decoder::load(golden_.directory(), Precision::kFp32);
  const std::vector<std::int32_t> ids = golden_.document(0);
  const at::Tensor theirs = golden_.logits().narrow(0, 0, static_cast<std::int64_t>(ids.size()));
  const auto length = static_cast<std::int64_t>(ids.size());
  const at::Tensor whole = decoder.logits(decoder.forward(golden_.batch())).narrow(0, 0, length);
  if (rope_switch_length(decoder.config()) > 0) return;  // keys of a shorter sequence do not fit: they are made anew
  for (std::int64_t split = 1; split < length; ++split) {
    KvPages pages(decoder.config(), std::int64_t{1} << 20);
    TokenBatch head, tail;
    head.add(std::span(ids).first(static_cast<std::size_t>(split)));
    tail.add(std::span(ids).subspan(static_cast<std::size_t>(split)), split);
    KvSequence first(pages);
    KvCache cache{{&first}};
    decoder.forward(head, nullptr, &cache);
    KvSequence second = first.beginning(split), third = first.beginning(split);  // the third has to copy
    for (KvSequence* continued : {&second, &third}) {
      KvCache own{{continued}};
      const at::Tensor ours = decoder.logits(decoder.forward(tail, nullptr, &own));
      EXPECT_LT(largest(ours.sub(theirs.narrow(0, split, length - split))), 1e-5 * largest(theirs)) << split;
      EXPECT_TRUE(ours.equal(whole.narrow(0, split, length - split))) << "other bits, cut at " << split;
    }
  }
}

TEST_P(Family, GradientsEqualAutogradInDouble) {
  Decoder decoder = Decoder::load(golden_.directory(), Precision::kFp32, at::kDouble);
  checkpoint::AdapterConfig config;
  config.rank = 2;
  Adapter adapter = Adapter::fresh(decoder.config(), config, 3).to(at::kDouble);
  adapter.flat().add_(at::randn_like(adapter.flat()), 0.1);  // B must not be zero
  const TokenBatch batch = golden_.batch();

  Activations kept;
  const at::Tensor hidden = decoder.forward(batch, &adapter, nullptr, &kept), logits = decoder.logits(hidden);
  const at::Tensor dlogits = at::randn(logits.sizes(), logits.options());
  Adapter gradient = adapter.zeros_like();
  decoder.backward(decoder.logits_backward(dlogits, logits), batch, adapter, kept, gradient);

  at::Tensor flat = adapter.flat().clone().requires_grad_(true);
  const testing::NaiveDecoder naive(decoder, adapter, flat);
  const at::Tensor expected = at::cat({naive.logits(golden_.document(0)), naive.logits(golden_.document(1))});
  EXPECT_LT(largest(logits.sub(expected.detach())), 1e-10 * largest(logits));
  (expected * dlogits).sum().backward();
  for (const auto& module : checkpoint::linear_modules(decoder.config())) {
    const LoraPair& ours = gradient.pair(module.layer, module.projection, module.expert);
    if (!module.is_adaptable) continue;
    for (const at::Tensor& part : {ours.a, ours.b}) {
      const at::Tensor theirs = flat.grad().narrow(0, part.storage_offset(), part.numel()).view(part.sizes());
      EXPECT_LE(largest(part.sub(theirs)), 1e-9 * largest(theirs)) << module.path;
    }
  }
}

TEST_P(Family, OnlyLinearLayersAreQuantisedAndAllOfThem) {
  const Decoder decoder = Decoder::load(golden_.directory(), Precision::kNf4);
  for (const auto& module : checkpoint::linear_modules(decoder.config())) {
    const auto& layer = decoder.layers()[module.layer];
    const quant::Matrix& matrix =
        module.expert < 0 ? layer[module.projection] : layer.moe.experts[module.expert].projections[module.projection];
    EXPECT_STREQ(matrix.storage_name(), "nf4") << module.path;
  }
  EXPECT_STREQ(decoder.embedding().storage_name(), "fp32");
  std::int64_t parameters = 0, counted = 0;
  for (const auto& module : checkpoint::linear_modules(decoder.config()))
    parameters += module.out_features * module.in_features;
  for (const CensusRow& row : parameter_census(decoder.config())) counted += row.is_quantized ? row.parameters : 0;
  EXPECT_EQ(counted, parameters) << "what inspect says is in four bits";
}

TEST_P(Family, IsPlannedToWeighWhatItWeighs) {
  for (const Precision precision : {Precision::kNf4, Precision::kBf16, Precision::kFp32}) {
    const Decoder decoder = Decoder::load(golden_.directory(), precision);
    EXPECT_EQ(memory_plan(decoder.config(), {.precision = precision}).weights, decoder.weight_bytes())
        << precision_name(precision);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Family, ::testing::ValuesIn(testing::golden_families()),
                         [](const auto& test) { return test.param; });

TEST(Families, EachHasAGoldenCheckpoint) {
  const auto golden = testing::golden_families();
  std::set<std::string> known;
  for (const checkpoint::Family* family : checkpoint::families()) known.emplace(family->model_type);
  EXPECT_EQ(std::set<std::string>(golden.begin(), golden.end()), known);
}

}  // namespace
}  // namespace holdfast::model
