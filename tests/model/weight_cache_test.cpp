// A base that is mapped from its cache gives the bits of one that is read from the checkpoint.
#include "model/weight_cache.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "base/files.h"
#include "checkpoint/temporary_directory.h"
#include "golden_checkpoint.h"
#include "model/decoder.h"
#include "model/nf4_checkpoint.h"

namespace holdfast::model {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(const fs::path& room) {
  std::vector<fs::path> files;
  if (!fs::exists(room)) return files;
  for (const auto& entry : fs::directory_iterator(room)) files.push_back(entry.path());
  return files;
}

class CachedBase : public ::testing::TestWithParam<std::string> {
 protected:
  fs::path room() const { return room_.path() / "cache"; }
  Decoder plain(Precision precision) const { return Decoder::load(golden_.directory(), precision); }
  Decoder cached(Precision precision) const {
    Decoder decoder = Decoder::load(golden_.directory(), precision, {.cache = room()});
    decoder.write_cache();
    return decoder;
  }
  at::Tensor logits(Decoder& decoder) const { return decoder.logits(decoder.forward(golden_.batch())); }
  static at::Tensor gradient(Decoder& decoder, const TokenBatch& batch, const at::Tensor& dhidden) {
    checkpoint::AdapterConfig config;
    config.target_modules = {"all-linear"};
    Adapter adapter = Adapter::fresh(decoder.config(), config, 3);
    adapter.flat().add_(0.01);  // so that both matrices matter
    Adapter gradient = adapter.zeros_like();
    Activations kept;
    decoder.forward(batch, &adapter, nullptr, &kept);
    decoder.backward(dhidden, batch, adapter, kept, gradient);
    return gradient.flat();
  }

  testing::GoldenCheckpoint golden_{GetParam()};
  testing::TemporaryDirectory room_;
};

TEST_P(CachedBase, GivesTheBitsOfTheCheckpoint) {
  for (const Precision precision : {Precision::kNf4, Precision::kBf16, Precision::kFp32, Precision::kCheckpoint}) {
    Decoder read = plain(precision), first = cached(precision);
    const auto written = files_of(room());
    const auto is_ours = [&](const fs::path& file) {
      return file.filename().string().starts_with(precision_name(precision)) && file.extension() == ".cache";
    };
    ASSERT_EQ(std::count_if(written.begin(), written.end(), is_ours), 1);
    Decoder second = cached(precision);
    EXPECT_EQ(second.weight_bytes(), read.weight_bytes());
    EXPECT_EQ(second.embedding_scale(), read.embedding_scale());
    const at::Tensor expected = logits(read);
    EXPECT_TRUE(at::equal(logits(first), expected)) << precision_name(precision);
    EXPECT_TRUE(at::equal(logits(second), expected)) << precision_name(precision);
    const at::Tensor dhidden = at::randn({golden_.batch().size(), read.config().hidden_size});
    const at::Tensor wanted = gradient(read, golden_.batch(), dhidden);
    EXPECT_GT(wanted.abs().max().item<float>(), 0);
    EXPECT_TRUE(at::equal(gradient(second, golden_.batch(), dhidden), wanted)) << precision_name(precision);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CachedBase, ::testing::ValuesIn(testing::golden_families()),
                         [](const auto& info) { return info.param; });

class CachedOrganism : public ::testing::Test {
 protected:
  CachedOrganism() {
    fs::create_directories(model());
    for (const char* name : {"config.json", "model.safetensors"})
      fs::copy_file(testing::source_directory() / "assets/organism" / name, model() / name);
  }
  fs::path model() const { return room_.path() / "model"; }
  fs::path cache() const { return room_.path() / "cache"; }
  Decoder load(Precision precision = Precision::kNf4) const {
    Decoder decoder = Decoder::load(model(), precision, {.cache = cache()});
    decoder.write_cache();
    return decoder;
  }
  static at::Tensor answer(Decoder& decoder) {
    const std::vector<std::int32_t> ids = {1, 2, 3, 4, 5};
    TokenBatch batch;
    batch.add(ids);
    return decoder.forward(batch);
  }

  testing::TemporaryDirectory room_;
};

TEST_F(CachedOrganism, IsMappedAndNotReadAgain) {
  Decoder first = load();
  const at::Tensor expected = answer(first);
  const fs::path file = files_of(cache()).at(0);
  // Other data under the same header: only a start that maps the file can show them.
  std::string bytes = read_file(file);
  const checkpoint::TensorCache parts(file);
  const std::string norm(static_cast<const char*>(parts.tensor("final_norm").const_data_ptr()),
                         static_cast<std::size_t>(first.config().hidden_size) * sizeof(float));
  const std::size_t place = bytes.find(norm);
  ASSERT_NE(place, std::string::npos);
  bytes.replace(place, norm.size(), norm.size(), '\0');
  write_file_atomic(file, bytes);
  Decoder second = load();
  EXPECT_EQ(answer(second).abs().max().item<float>(), 0);
  EXPECT_GT(expected.abs().max().item<float>(), 0);
}

TEST_F(CachedOrganism, IsWrittenAgainWhereItIsDamaged) {
  Decoder first = load();
  const at::Tensor expected = answer(first);
  const fs::path file = files_of(cache()).at(0);
  const std::string whole = read_file(file);
  for (std::string damaged : {whole.substr(0, whole.size() / 2), std::string(), whole.substr(1), whole + "x"}) {
    fs::remove(file);
    std::ofstream(file, std::ios::binary) << damaged;
    Decoder again = load();
    EXPECT_TRUE(at::equal(answer(again), expected));
    ASSERT_EQ(files_of(cache()), std::vector{file});
    EXPECT_TRUE(read_file(file) == whole);
  }
}

TEST_F(CachedOrganism, ChangedFilesAreReadAndTheirCacheTakesTheOldOnesPlace) {
  load();
  load(Precision::kBf16);
  const auto before = files_of(cache());
  ASSERT_EQ(before.size(), 2u);
  // One number of the weights, in place, with the time of before.
  const auto time = fs::last_write_time(model() / "model.safetensors");
  usleep(20'000);
  {
    std::fstream file(model() / "model.safetensors", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-2, std::ios::end);
    file.put(0x3F);
  }
  fs::last_write_time(model() / "model.safetensors", time);
  Decoder changed = load(), read = Decoder::load(model(), Precision::kNf4);
  EXPECT_TRUE(at::equal(answer(changed), answer(read)));
  const auto after = files_of(cache());
  EXPECT_EQ(after.size(), 2u);
  EXPECT_NE(std::set(after.begin(), after.end()), std::set(before.begin(), before.end()));
}

TEST_F(CachedOrganism, ManyStartsAtOnceAreSafe) {
  Decoder read = Decoder::load(model(), Precision::kNf4);
  const at::Tensor expected = answer(read);
  std::vector<std::thread> starts;
  std::atomic<int> equal = 0;
  for (int i = 0; i < 8; ++i)
    starts.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        Decoder decoder = load();
        equal += at::equal(answer(decoder), expected);
        std::error_code ignored;  // another thread removes or writes at the same time
        if (round == 2) fs::remove_all(cache(), ignored);
      }
    });
  for (std::thread& start : starts) start.join();
  EXPECT_EQ(equal, 40);
}

TEST_F(CachedOrganism, APlaceThatCannotBeWrittenIsNoError) {
  std::ofstream(cache()) << "a file";
  Decoder decoder = load(), read = Decoder::load(model(), Precision::kNf4);
  EXPECT_TRUE(at::equal(answer(decoder), answer(read)));
}

TEST_F(CachedOrganism, OfANf4CheckpointHoldsItsPanels) {
  const fs::path quantized = room_.path() / "nf4";
  quantize_checkpoint(model(), quantized);
  const auto load_nf4 = [&](const fs::path& place) {
    Decoder decoder = Decoder::load(quantized, Precision::kCheckpoint, {.cache = place});
    decoder.write_cache();
    return decoder;
  };
  Decoder read = load_nf4({}), first = load_nf4(cache()), second = load_nf4(cache());
  EXPECT_TRUE(at::equal(answer(first), answer(read)));
  EXPECT_TRUE(at::equal(answer(second), answer(read)));
  EXPECT_TRUE(second.layers()[0].projections[Projection::kUp].nf4_weight().in_panels);
}

}  // namespace
}  // namespace holdfast::model
