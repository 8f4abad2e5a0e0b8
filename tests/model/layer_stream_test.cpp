// A streamed base gives the bits of one that is held, whichever way the layers are gone through.
#include "model/layer_stream.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "checkpoint/temporary_directory.h"
#include "golden_checkpoint.h"
#include "model/decoder.h"
#include "model/nf4_checkpoint.h"

namespace holdfast::model {
namespace {

// Every family whose experts can be written in NF4.
std::vector<std::string> families() {
  std::vector<std::string> names = testing::golden_families();
  std::erase(names, "gpt_oss");
  return names;
}

class Streamed : public ::testing::TestWithParam<std::string> {
 protected:
  Streamed() { quantize_checkpoint(golden_.directory(), path_); }
  Decoder load(Residency residency) const {
    return Decoder::load(path_, Precision::kCheckpoint, {.residency = residency});
  }
  Adapter adapter(const Decoder& decoder) const {
    checkpoint::AdapterConfig config;
    config.target_modules = {"all-linear"};
    Adapter adapter = Adapter::fresh(decoder.config(), config, 3);
    adapter.flat().add_(0.01);  // so that both matrices matter
    return adapter;
  }

  testing::GoldenCheckpoint golden_{GetParam()};
  testing::TemporaryDirectory room_;
  std::filesystem::path path_ = room_.path() / "nf4";
};

TEST_P(Streamed, AnswersAndScoresAreTheBitsOfAHeldBase) {
  Decoder held = load(Residency::kHeld), streamed = load(Residency::kStreamed);
  const TokenBatch batch = golden_.batch();
  for (int pass = 0; pass < 3; ++pass)
    EXPECT_TRUE(at::equal(streamed.forward(batch), held.forward(batch))) << "pass " << pass;
  const std::vector<std::int32_t> ids = golden_.document(0);
  const auto room = static_cast<std::int64_t>(ids.size());
  KvPages pages(held.config(), std::int64_t{1} << 20);
  KvSequence one_sequence(pages), other_sequence(pages);
  KvCache one{{&one_sequence}}, other{{&other_sequence}};
  for (std::int64_t i = 0; i < room; ++i) {
    TokenBatch token;
    token.add(std::span(ids).subspan(static_cast<std::size_t>(i), 1), i);
    EXPECT_TRUE(at::equal(streamed.forward(token, nullptr, &other), held.forward(token, nullptr, &one))) << i;
  }
}

TEST_P(Streamed, GradientsAreTheBitsOfAHeldBase) {
  Decoder held = load(Residency::kHeld), streamed = load(Residency::kStreamed);
  const Adapter adapter = this->adapter(held);
  const TokenBatch batch = golden_.batch();
  const at::Tensor dhidden = at::randn({batch.size(), held.config().hidden_size});
  Adapter gradients[2] = {adapter.zeros_like(), adapter.zeros_like()};
  for (int step = 0; step < 2; ++step) {
    for (auto& [decoder, gradient] : {std::pair{&held, &gradients[0]}, std::pair{&streamed, &gradients[1]}}) {
      Activations kept;
      decoder->forward(batch, &adapter, nullptr, &kept);
      decoder->backward(dhidden, batch, adapter, kept, *gradient);
    }
    EXPECT_GT(gradients[0].flat().abs().max().item<float>(), 0);
    EXPECT_TRUE(at::equal(gradients[1].flat(), gradients[0].flat())) << "step " << step;
  }
}

TEST_P(Streamed, TwoLayersAreInMemory) {
  const Decoder held = load(Residency::kHeld);
  Decoder streamed = load(Residency::kStreamed);
  streamed.forward(golden_.batch());
  std::int64_t layers_with_codes = 0;
  for (const DecoderLayer& layer : streamed.layers()) {
    const auto has_codes = [](const quant::Matrix& m) { return m.is_quantized() && m.nf4_weight().codes.defined(); };
    layers_with_codes += std::any_of(layer.projections.begin(), layer.projections.end(), has_codes);
  }
  EXPECT_EQ(layers_with_codes, 1);
  EXPECT_EQ(streamed.linear_flops_per_token(), held.linear_flops_per_token());
}

// From the cache that a held base has left, the checkpoint itself being in another precision.
TEST_P(Streamed, OutOfACacheItGivesTheBitsOfAHeldBase) {
  const std::filesystem::path cache = room_.path() / "cache";
  const auto original = golden_.directory();
  Decoder held = Decoder::load(original, Precision::kNf4, {.cache = cache});
  held.write_cache();
  Decoder streamed = Decoder::load(original, Precision::kNf4, {.residency = Residency::kStreamed, .cache = cache});
  const TokenBatch batch = golden_.batch();
  for (int pass = 0; pass < 2; ++pass)
    EXPECT_TRUE(at::equal(streamed.forward(batch), held.forward(batch))) << "pass " << pass;
  const Adapter adapter = this->adapter(held);
  const at::Tensor dhidden = at::randn({batch.size(), held.config().hidden_size});
  Adapter gradients[2] = {adapter.zeros_like(), adapter.zeros_like()};
  for (auto& [decoder, gradient] : {std::pair{&held, &gradients[0]}, std::pair{&streamed, &gradients[1]}}) {
    Activations kept;
    decoder->forward(batch, &adapter, nullptr, &kept);
    decoder->backward(dhidden, batch, adapter, kept, *gradient);
  }
  EXPECT_TRUE(at::equal(gradients[1].flat(), gradients[0].flat()));
  if (held.config().num_layers > 2) EXPECT_LT(streamed.weight_bytes(), held.weight_bytes());
}

INSTANTIATE_TEST_SUITE_P(All, Streamed, ::testing::ValuesIn(families()), [](const auto& info) { return info.param; });

TEST(LayerStream, WeightsThatAreNotQuantisedAreRefused) {
  const auto organism = testing::source_directory() / "assets/organism";
  const std::string message =
      testing::error_of([&] { Decoder::load(organism, Precision::kNf4, {.residency = Residency::kStreamed}); });
  EXPECT_NE(message.find("try holdfast quantize first"), std::string::npos) << message;
}

TEST(LayerStream, MemoryIsThatOfTwoLayers) {
  testing::TemporaryDirectory room;
  const auto path = room.path() / "nf4";
  quantize_checkpoint(testing::source_directory() / "assets/organism", path);
  const Decoder held = Decoder::load(path, Precision::kNf4);
  const Decoder streamed = Decoder::load(path, Precision::kNf4, {.residency = Residency::kStreamed});
  std::int64_t codes = 0;
  for (const quant::Matrix& matrix : held.layers()[0].projections)
    if (!matrix.is_empty()) codes += matrix.nf4_weight().codes.numel() + matrix.nf4_weight().absmax_codes.numel();
  const std::int64_t saved = held.weight_bytes() - streamed.weight_bytes();
  EXPECT_EQ(saved, (held.config().num_layers - 2) * codes);  // each part here is a multiple of the alignment
}

}  // namespace
}  // namespace holdfast::model
