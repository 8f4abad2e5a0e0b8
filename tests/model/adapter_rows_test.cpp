// Several adapters in one batch: every sequence gets the bits that it gets alone, and so does every gradient.
#include "model/adapter_rows.h"

#include <ATen/ops/randn_like.h>
#include <gtest/gtest.h>

#include "golden_checkpoint.h"
#include "model/decoder.h"

namespace holdfast::model {
namespace {

Adapter adapter_of(const Decoder& decoder, std::int64_t rank, std::uint64_t seed) {
  checkpoint::AdapterConfig config;
  config.rank = rank;
  Adapter adapter = Adapter::fresh(decoder.config(), config, seed);
  Random random(seed, 7);
  float* numbers = adapter.flat().data_ptr<float>();  // B must not be zero
  for (std::int64_t i = 0; i < adapter.flat().numel(); ++i)
    numbers[i] += static_cast<float>(random.uniform() - 0.5) / 5;
  return adapter;
}

class ManyAdapters : public ::testing::TestWithParam<std::string> {
 protected:
  testing::GoldenCheckpoint golden_{GetParam()};
  Decoder decoder_ = Decoder::load(golden_.directory(), Precision::kNf4);
  Adapter one_ = adapter_of(decoder_, 2, 1), two_ = adapter_of(decoder_, 5, 2);
};

TEST_P(ManyAdapters, ASequenceGetsTheHiddenStatesThatItGetsAlone) {
  const Adapter* const adapters[] = {&one_, nullptr, &two_};
  const std::int64_t chosen[] = {2, 0, 0, 1, 2};
  TokenBatch batch;
  for (std::size_t i = 0; i < std::size(chosen); ++i) batch.add(golden_.document(i % 2), 0, chosen[i]);
  const at::Tensor together = decoder_.forward(batch, AdapterSet(adapters));
  for (std::size_t i = 0; i < std::size(chosen); ++i) {
    TokenBatch alone;
    alone.add(golden_.document(i % 2));
    const at::Tensor expected = decoder_.forward(alone, adapters[chosen[i]]);
    const std::int64_t begin = batch.starts[i], count = batch.starts[i + 1] - begin;
    EXPECT_TRUE(together.narrow(0, begin, count).equal(expected)) << "sequence " << i;
  }
  EXPECT_FALSE(together.narrow(0, 0, 4).equal(decoder_.forward(batch, &one_).narrow(0, 0, 4)));
}

TEST_P(ManyAdapters, AGradientIsWhatItsOwnRowsGive) {
  const Adapter* const adapters[] = {&one_, &two_};
  TokenBatch batch;
  batch.add(golden_.document(0), 0, 1);
  batch.add(golden_.document(1), 0, 0);
  Activations kept;
  const at::Tensor hidden = decoder_.forward(batch, AdapterSet(adapters), nullptr, &kept);
  const at::Tensor dhidden = at::randn_like(hidden);
  Adapter of_one = one_.zeros_like(), of_two = two_.zeros_like();
  Adapter* const gradients[] = {&of_one, &of_two};
  decoder_.backward(dhidden, batch, AdapterSet(adapters), kept, gradients);
  for (const std::size_t i : {0, 1}) {
    TokenBatch alone;
    alone.add(golden_.document(i));
    Activations own;
    const Adapter& adapter = *adapters[batch.adapters[i]];
    decoder_.forward(alone, &adapter, nullptr, &own);
    Adapter gradient = adapter.zeros_like();
    decoder_.backward(dhidden.narrow(0, batch.starts[i], batch.starts[i + 1] - batch.starts[i]).contiguous(), alone,
                      adapter, own, gradient);
    EXPECT_TRUE(gradient.flat().equal(gradients[batch.adapters[i]]->flat())) << "sequence " << i;
    EXPECT_GT(gradient.flat().abs().max().item<float>(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ManyAdapters, ::testing::Values("llama", "mixtral", "gemma2"));

}  // namespace
}  // namespace holdfast::model
