#include "model/nf4_checkpoint.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/interrupt.h"
#include "checkpoint/nf4_state.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/temporary_directory.h"
#include "model/decoder.h"
#include "shared_data.h"

namespace holdfast::model {
namespace {

using testing::error_of;
using Tensors = std::vector<std::pair<std::string, at::Tensor>>;

bool same(const at::Tensor& a, const at::Tensor& b) { return a.scalar_type() == b.scalar_type() && a.equal(b); }

class QuantizedCheckpoint : public ::testing::Test {
 protected:
  QuantizedCheckpoint() : path_(room_.path() / "nf4") { quantize_checkpoint(organism_, path_); }

  // The error of loading after `change` has been made to the tensors.
  std::string error_after(const std::function<void(Tensors&)>& change) {
    Tensors tensors;
    const checkpoint::Weights weights(path_);
    for (const auto& name : weights.names()) tensors.emplace_back(name, weights.tensor(name).clone());
    change(tensors);
    const auto damaged = room_.path() / "damaged";
    std::filesystem::create_directories(damaged);
    std::filesystem::copy(path_ / "config.json", damaged, std::filesystem::copy_options::overwrite_existing);
    checkpoint::write_safetensors(damaged / "model.safetensors", tensors);
    return error_of([&] { Decoder::load(damaged, Precision::kCheckpoint); });
  }
  std::string error_with(const std::string& name, const std::function<at::Tensor(const at::Tensor&)>& change) {
    return error_after([&](Tensors& tensors) {
      for (auto& [key, value] : tensors)
        if (key == name) value = change(value);
    });
  }

  const std::filesystem::path organism_ = testing::source_directory() / "assets/organism";
  testing::TemporaryDirectory room_;
  std::filesystem::path path_;
  const std::string up_ = "model.layers.1.mlp.up_proj.weight";
};

TEST_F(QuantizedCheckpoint, LoadsToTheBitsThatQuantisingTheOriginalGives) {
  const Decoder stored = Decoder::load(path_, Precision::kCheckpoint);
  const Decoder quantized = Decoder::load(organism_, Precision::kNf4);
  EXPECT_EQ(stored.precision(), Precision::kNf4);
  EXPECT_EQ(stored.weight_bytes(), quantized.weight_bytes());
  for (std::size_t layer = 0; layer < stored.layers().size(); ++layer) {
    for (const Projection projection : kProjections) {
      if (stored.layers()[layer][projection].is_empty()) continue;
      const auto& a = stored.layers()[layer][projection].nf4_weight();
      const auto& b = quantized.layers()[layer][projection].nf4_weight();
      EXPECT_TRUE(same(a.codes, b.codes) && same(a.absmax_codes, b.absmax_codes) &&
                  same(a.nested_absmax, b.nested_absmax) && a.nested_offset == b.nested_offset)
          << layer << " " << projection_name(stored.config(), projection);
    }
  }
}

TEST_F(QuantizedCheckpoint, ShardsHoldTheSameTensors) {
  quantize_checkpoint(organism_, room_.path() / "shards", {.max_shard_bytes = 400'000});
  const checkpoint::Weights single(path_), shards(room_.path() / "shards");
  EXPECT_GT(shards.files().size(), 2u);
  ASSERT_EQ(single.names(), shards.names());
  for (const auto& name : single.names()) EXPECT_TRUE(same(single.tensor(name), shards.tensor(name))) << name;
  for (const auto& file : shards.files()) EXPECT_LT(std::filesystem::file_size(file), 900'000u) << file;
}

TEST_F(QuantizedCheckpoint, StopsWithoutATraceAndNeverOverwrites) {
  const auto out = room_.path() / "stopped";
  int num_tensors = 0;
  const QuantizeOptions options = {.on_tensor = [&](const std::string&, double) {
    if (++num_tensors == 10) throw Interrupted(2, "stop");
  }};
  EXPECT_THROW(quantize_checkpoint(organism_, out, options), Interrupted);
  EXPECT_FALSE(std::filesystem::exists(out));
  EXPECT_FALSE(std::filesystem::exists(out.string() + ".part"));
  EXPECT_NE(error_of([&] { quantize_checkpoint(organism_, path_); }).find("something in it"), std::string::npos);
  EXPECT_NE(error_of([&] { quantize_checkpoint(path_, out); }).find("NF4 already"), std::string::npos);
}

TEST_F(QuantizedCheckpoint, WeightsOfAnotherPrecisionAreRefused) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    const std::string message = error_of([&] { Decoder::load(path_, precision); });
    EXPECT_NE(message.find("expected nf4"), std::string::npos) << message;
  }
}

TEST_F(QuantizedCheckpoint, MissingPartsAndWrongShapesNameTheTensor) {
  for (const char* suffix : {"", ".absmax", ".quant_map", ".nested_quant_map", checkpoint::kNf4StateSuffix}) {
    const std::string name = up_ + suffix;
    const std::string missing =
        error_after([&](Tensors& tensors) { std::erase_if(tensors, [&](const auto& t) { return t.first == name; }); });
    EXPECT_NE(missing.find("'" + name + "' is missing"), std::string::npos) << missing;
    const std::string other = error_with(name, [](const at::Tensor& t) { return t.to(at::kDouble); });
    EXPECT_NE(other.find("'" + up_), std::string::npos) << name << ": " << other;
    if (name.ends_with(checkpoint::kNf4StateSuffix)) continue;
    const std::string shorter = error_with(name, [](const at::Tensor& t) { return t.narrow(0, 0, 3); });
    EXPECT_NE(shorter.find("'" + name + "' is ["), std::string::npos) << shorter;
  }
  const std::string once = error_after([&](Tensors& tensors) {
    std::erase_if(tensors, [&](const auto& t) { return t.first == up_ + ".nested_absmax"; });
  });
  EXPECT_NE(once.find("'" + up_ + ".absmax' holds Byte, expected Float"), std::string::npos) << once;
}

TEST_F(QuantizedCheckpoint, LyingStatesMapsAndScalesNameTheTensor) {
  const auto with_state = [&](const std::string& from, const std::string& to) {
    return error_with(up_ + checkpoint::kNf4StateSuffix, [&](const at::Tensor& t) {
      std::string text(static_cast<const char*>(t.const_data_ptr()), static_cast<std::size_t>(t.numel()));
      text.replace(text.find(from), from.size(), to);
      return at::from_blob(text.data(), {static_cast<std::int64_t>(text.size())}, at::kByte).clone();
    });
  };
  EXPECT_NE(with_state("[512, 192]", "[192, 512]").find("found shape [192, 512], expected [512, 192]"),
            std::string::npos)
      << with_state("[512, 192]", "[192, 512]");
  EXPECT_NE(with_state("\"nf4\"", "\"fp4\"").find(up_), std::string::npos);
  EXPECT_NE(with_state("{", "").find("no JSON object"), std::string::npos);
  EXPECT_NE(with_state("nested_offset", "other").find("expected both or neither"), std::string::npos);
  const auto filled = [&](const char* suffix, double value) {
    return error_with(up_ + suffix, [&](at::Tensor t) { return t.fill_(value); });
  };
  EXPECT_NE(filled(".quant_map", 0.5).find("levels that are not NF4's"), std::string::npos);
  EXPECT_NE(filled(".nested_absmax", NAN).find("not finite"), std::string::npos);
  EXPECT_NE(filled(".nested_quant_map", INFINITY).find("not finite"), std::string::npos);
}

TEST_F(QuantizedCheckpoint, AnotherMapOfScalesIsFollowed) {
  const checkpoint::Weights weights(path_);
  Tensors tensors;
  for (const auto& name : weights.names()) {
    const at::Tensor value = weights.tensor(name).clone();
    tensors.emplace_back(name, name.ends_with("nested_quant_map") ? value * 0.5 : value);
  }
  checkpoint::write_safetensors(room_.path() / "model.safetensors", tensors);
  const quant::Nf4Weight changed = read_nf4(checkpoint::Weights(room_.path()), up_, 512, 192);
  const quant::Nf4Weight plain = read_nf4(weights, up_, 512, 192);
  const at::Tensor expected = (quant::dequantize_absmax(plain) - plain.nested_offset) * 0.5 + plain.nested_offset;
  EXPECT_LT((quant::dequantize_absmax(changed) - expected).abs().max().item<float>(), 1e-7);
}

}  // namespace
}  // namespace holdfast::model
