// An adapter that is part of the model: read into its weights, it gives what it gives beside them.
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn_like.h>
#include <ATen/ops/sum.h>
#include <gtest/gtest.h>

#include <map>

#include "base/files.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/temporary_directory.h"
#include "golden_checkpoint.h"
#include "model/decoder.h"
#include "model/nf4_checkpoint.h"

namespace holdfast::model {
namespace {

namespace fs = std::filesystem;

// On every linear layer, with a B that changes what the model says.
Adapter make_adapter(const checkpoint::ModelConfig& config, std::int64_t seed = 7) {
  at::manual_seed(seed);
  checkpoint::AdapterConfig adapter_config;
  adapter_config.rank = 4;
  adapter_config.alpha = 6;
  Adapter adapter = Adapter::fresh(config, adapter_config, static_cast<std::uint64_t>(seed));
  adapter.flat().add_(at::randn_like(adapter.flat()), 0.02);
  return adapter;
}

at::Tensor logits_of(Decoder& decoder, const TokenBatch& batch, const AdapterSet& adapters = {}) {
  return decoder.logits(decoder.forward(batch, adapters));
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

class MergedAdapter : public ::testing::TestWithParam<std::string> {
 protected:
  testing::GoldenCheckpoint golden_{GetParam()};
  testing::TemporaryDirectory room_;
};

TEST_P(MergedAdapter, GivesTheLogitsOfTheAdapterBesideTheBase) {
  Decoder base = Decoder::load(golden_.directory(), Precision::kFp32);
  const Adapter adapter = make_adapter(base.config());
  adapter.save(room_.path() / "adapter");
  Decoder merged =
      Decoder::load(golden_.directory(), Precision::kFp32, LoadOptions{.adapter = room_.path() / "adapter"});
  const at::Tensor untouched = logits_of(base, golden_.batch()), expected = logits_of(base, golden_.batch(), &adapter);
  const double scale = std::max(1.0, expected.abs().max().item<double>());
  EXPECT_GT(largest_difference(untouched, expected), 1e-2 * scale);  // so that there is something to see
  EXPECT_LE(largest_difference(logits_of(merged, golden_.batch()), expected), 1e-5 * scale);
}

INSTANTIATE_TEST_SUITE_P(All, MergedAdapter, ::testing::ValuesIn(testing::golden_families()),
                         [](const auto& info) { return info.param; });

class MergedLlama : public ::testing::Test {
 protected:
  MergedLlama() { make_adapter(config()).save(adapter()); }
  checkpoint::ModelConfig config() const { return checkpoint::read_config(golden_.directory()); }
  fs::path adapter() const { return room_.path() / "adapter"; }
  fs::path cache() const { return room_.path() / "cache"; }
  std::size_t num_caches() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(cache()), fs::directory_iterator()));
  }
  Decoder load(Precision precision, LoadOptions options) const {
    return Decoder::load(golden_.directory(), precision, options);
  }
  at::Tensor cached_logits(const fs::path& with) const {
    Decoder decoder = load(Precision::kFp32, {.cache = cache(), .adapter = with});
    decoder.write_cache();
    return logits_of(decoder, golden_.batch());
  }

  testing::GoldenCheckpoint golden_{"llama"};
  testing::TemporaryDirectory room_;
};

TEST_F(MergedLlama, IsAddedBeforeTheWeightsAreQuantised) {
  const checkpoint::ModelConfig model = config();
  const Adapter pairs = Adapter::load(model, adapter());
  const checkpoint::SafetensorsFile file(golden_.directory() / "model.safetensors");
  std::map<std::string, at::Tensor> sums;
  for (const std::string& name : file.names()) sums[name] = file.tensor(name);
  const auto modules = checkpoint::linear_modules(model);
  for (const auto& module : modules) {
    const LoraPair& pair = pairs.pair(module.layer, module.projection);
    at::Tensor& weight = sums.at(module.path + ".weight");
    weight = weight.to(at::kFloat) + pair.b.matmul(pair.a) * pair.scale;
  }
  const fs::path directory = room_.path() / "sums";
  fs::create_directories(directory);
  checkpoint::write_safetensors(directory / "model.safetensors", {sums.begin(), sums.end()});
  fs::copy_file(golden_.directory() / "config.json", directory / "config.json");

  const Decoder expected = Decoder::load(directory, Precision::kNf4);
  // The share of all codes that a decoder has in common with the one whose weights were summed beforehand.
  const auto share = [&](const Decoder& decoder) {
    double equal = 0, all = 0;
    for (const auto& module : modules) {
      const auto index = static_cast<std::size_t>(module.layer);
      const at::Tensor& a = expected.layers()[index][module.projection].nf4_weight().codes;
      const at::Tensor& b = decoder.layers()[index][module.projection].nf4_weight().codes;
      equal += at::sum(a == b).item<double>();
      all += static_cast<double>(a.numel());
    }
    return equal / all;
  };
  // A sum that was formed in another order may lie on the other side of the middle between two levels.
  EXPECT_GE(share(load(Precision::kNf4, {.adapter = adapter()})), 0.99);
  EXPECT_LE(share(load(Precision::kNf4, {})), 0.9);
}

TEST_F(MergedLlama, HasACacheOfItsOwn) {
  const at::Tensor base = cached_logits({}), first = cached_logits(adapter());
  EXPECT_EQ(num_caches(), 2u);
  EXPECT_FALSE(at::equal(base, first));
  EXPECT_TRUE(at::equal(cached_logits(adapter()), first));
  EXPECT_TRUE(at::equal(cached_logits({}), base));
  // Another adapter in its place: the cache of the first one goes, the base's stays.
  make_adapter(config(), 8).save(adapter());
  Decoder read = load(Precision::kFp32, {.adapter = adapter()});
  EXPECT_TRUE(at::equal(cached_logits(adapter()), logits_of(read, golden_.batch())));
  EXPECT_FALSE(at::equal(cached_logits(adapter()), first));
  EXPECT_EQ(num_caches(), 2u);
}

TEST_F(MergedLlama, OfAnotherModelIsRefused) {
  const testing::GoldenCheckpoint other("phi3");
  make_adapter(checkpoint::read_config(other.directory())).save(adapter());
  const std::string error = testing::error_of([&] { load(Precision::kFp32, {.adapter = adapter()}); });
  EXPECT_NE(error.find("is the adapter of"), std::string::npos) << error;
}

TEST_F(MergedLlama, CannotBeAddedToQuantisedWeights) {
  quantize_checkpoint(golden_.directory(), room_.path() / "nf4");
  const std::string error = testing::error_of(
      [&] { Decoder::load(room_.path() / "nf4", Precision::kNf4, LoadOptions{.adapter = adapter()}); });
  EXPECT_NE(error.find("expected weights in full precision; try the original weights"), std::string::npos) << error;
}

}  // namespace
}  // namespace holdfast::model
