#include "quant/nf4.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "checkpoint/safetensors.h"
#include "shared_data.h"

namespace holdfast::quant {
namespace {

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         std::memcmp(a.contiguous().const_data_ptr(), b.contiguous().const_data_ptr(),
                     static_cast<std::size_t>(a.numel()) * a.element_size()) == 0;
}

bool same_bits(const Nf4Weight& a, const Nf4Weight& b) {
  return same_bits(a.codes, b.codes) && same_bits(a.absmax_codes, b.absmax_codes) &&
         same_bits(a.nested_absmax, b.nested_absmax) && a.nested_offset == b.nested_offset;
}

// Values of one row, starting 4 bytes behind a boundary of 64 when `is_misaligned`.
at::Tensor row_of(std::int64_t size, bool is_misaligned, std::uint64_t seed) {
  Random random(seed);
  const std::int64_t skip = is_misaligned ? 1 : 0;
  at::Tensor room = at::empty({size + skip}, at::kFloat);
  for (std::int64_t i = 0; i < size + skip; ++i) room.data_ptr<float>()[i] = static_cast<float>(random.normal());
  return room.narrow(0, skip, size).view({1, size});
}

class Nf4 : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no such instructions";
    force_isa(GetParam());
  }

  // Quantises and widens with this and with the reference, the latter into a misaligned place too.
  void expect_reference_bits(const at::Tensor& weight, const std::string& what) {
    const Nf4Weight ours = quantize_nf4(weight);
    force_isa(Isa::kReference);
    const Nf4Weight reference = quantize_nf4(weight);
    const at::Tensor expected = dequantize_nf4(reference);
    force_isa(GetParam());
    EXPECT_TRUE(same_bits(ours, reference)) << what;
    at::Tensor room = at::full({weight.numel() + 2}, 7.0f, at::kFloat);
    dequantize_nf4(ours, room.data_ptr<float>() + 1, 0, weight.size(0));
    EXPECT_TRUE(same_bits(room.narrow(0, 1, weight.numel()), expected.view({-1}))) << what;
    EXPECT_EQ(room[0].item<float>(), 7) << what << ": written before its place";
    EXPECT_EQ(room[-1].item<float>(), 7) << what << ": written behind its place";
  }
};

TEST_P(Nf4, EqualsBitsandbytesBitForBit) {
  EXPECT_EQ(selected_isa(), GetParam());
  const checkpoint::SafetensorsFile golden(testing::source_directory() / "tests/golden/nf4.safetensors");
  for (const std::string name : {"normal", "bf16", "zeros", "ties", "short", "large"}) {
    const Nf4Weight ours = quantize_nf4(golden.tensor(name + ".weight"));
    EXPECT_TRUE(same_bits(ours.codes, golden.tensor(name + ".codes"))) << name;
    EXPECT_TRUE(same_bits(ours.absmax_codes, golden.tensor(name + ".absmax_codes"))) << name;
    EXPECT_TRUE(same_bits(ours.nested_absmax, golden.tensor(name + ".nested_absmax"))) << name;
    EXPECT_EQ(ours.nested_offset, golden.tensor(name + ".offset").item<float>()) << name;
    EXPECT_TRUE(same_bits(dequantize_nf4(ours, golden.dtype(name + ".weight")).to(at::kFloat),
                          golden.tensor(name + ".dequantized")))
        << name;
  }
}

TEST_P(Nf4, WidensFp4AndBlocksOfOtherSizesAsBitsandbytes) {
  const checkpoint::SafetensorsFile golden(testing::source_directory() / "tests/golden/four_bits.safetensors");
  int cases = 0;
  for (const std::string& file_name : golden.names()) {
    if (!file_name.ends_with(".codes")) continue;
    const std::string name = file_name.substr(0, file_name.size() - 6);
    Nf4Weight weight;
    weight.levels = name.starts_with("fp4") ? &fp4_levels() : &nf4_levels();
    const at::Tensor levels = golden.tensor(name + ".levels"), expected = golden.tensor(name + ".values");
    EXPECT_EQ(std::memcmp(levels.const_data_ptr(), weight.levels->data(), 64), 0) << name;
    weight.block_size = std::stol(name.substr(4));
    weight.out_features = expected.size(0);
    weight.in_features = expected.size(1);
    weight.codes = golden.tensor(name + ".codes");
    if (golden.contains(name + ".offset")) {
      weight.absmax_codes = golden.tensor(name + ".absmax");
      weight.nested_absmax = golden.tensor(name + ".nested_absmax");
      weight.nested_offset = golden.tensor(name + ".offset").item<float>();
    } else {
      weight.plain_absmax = golden.tensor(name + ".absmax");
    }
    EXPECT_TRUE(same_bits(dequantize_nf4(weight), expected)) << name;
    at::Tensor row = at::empty({1, weight.in_features});
    dequantize_nf4(weight, row.data_ptr<float>(), 1, 2);
    EXPECT_TRUE(same_bits(row, expected.narrow(0, 1, 1))) << name;
    ++cases;
  }
  EXPECT_EQ(cases, 10);
}

TEST_P(Nf4, GivesTheReferencesBitsAtEverySizeAndAlignment) {
  for (const std::int64_t size : {1, 2, 15, 16, 17, 62, 63, 64, 65, 126, 127, 128, 129, 130, 16383, 16384, 16385}) {
    for (const bool is_misaligned : {false, true}) {
      const at::Tensor weight = row_of(size, is_misaligned, static_cast<std::uint64_t>(size));
      const std::string what = std::to_string(size) + (is_misaligned ? " values, misaligned" : " values");
      expect_reference_bits(weight, what);
      expect_reference_bits(weight.to(at::kBFloat16), what + ", bf16");
      expect_reference_bits(weight.to(at::kHalf), what + ", fp16");
    }
  }
}

TEST_P(Nf4, GivesTheReferencesBitsForZeroDenormalHugeAndTiedBlocks) {
  const float smallest = std::numeric_limits<float>::denorm_min();
  const at::Tensor normal = row_of(64, false, 9).view({64});
  at::Tensor ties = at::empty({64}, at::kFloat);
  for (std::int64_t i = 0; i < 64; ++i) {
    const std::size_t level = static_cast<std::size_t>(i) % 15;
    ties.data_ptr<float>()[i] = (nf4_levels()[level] + nf4_levels()[level + 1]) / 2;
  }
  ties.data_ptr<float>()[63] = 1;
  const at::Tensor blocks = at::cat({at::zeros({64}), -at::zeros({64}), at::full({64}, smallest), normal * 1e-38f,
                                     normal * 1e-40f, at::full({64}, -1e33f), normal * 1e33f, ties, ties * -0.5f});
  expect_reference_bits(blocks.view({9, 64}), "special blocks");
  expect_reference_bits(blocks.view({9, 64}).narrow(0, 0, 2), "nothing but zeros");
}

TEST_P(Nf4, ReadsAnyRowsAlone) {
  for (const std::int64_t in : {2, 62, 64, 96, 130}) {
    const Nf4Weight weight = quantize_nf4(row_of(5 * in, false, 3).view({5, in}));
    const at::Tensor whole = dequantize_nf4(weight);
    for (std::int64_t begin = 0; begin < 5; ++begin) {
      for (std::int64_t end = begin; end <= 5; ++end) {
        at::Tensor part = at::empty({end - begin, in}, at::kFloat);
        dequantize_nf4(weight, part.data_ptr<float>(), begin, end);
        EXPECT_TRUE(same_bits(part, whole.narrow(0, begin, end - begin))) << in << ": " << begin << " .. " << end;
      }
    }
  }
}

TEST_P(Nf4, PlainScalesGiveWhatTheyWereQuantisedFrom) {
  Nf4Weight weight = quantize_nf4(row_of(300 * 64, false, 4).view({300, 64}));
  const at::Tensor expected = dequantize_nf4(weight);
  weight.plain_absmax = dequantize_absmax(weight);
  weight.absmax_codes = weight.nested_absmax = at::Tensor();
  EXPECT_TRUE(same_bits(dequantize_nf4(weight), expected));
}

TEST_P(Nf4, RefusesValuesThatAreNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float value : {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    for (const std::int64_t place : {0, 63, 64, 99}) {  // in a whole block and in the short one
      at::Tensor weight = row_of(100, false, 6);
      weight.data_ptr<float>()[place] = value;
      EXPECT_THROW(quantize_nf4(weight), Error) << value << " at " << place;
    }
  }
  EXPECT_THROW(quantize_nf4(at::full({200, 64}, 1e38f)), Error) << "their sum is not finite";
}

INSTANTIATE_TEST_SUITE_P(Isas, Nf4, ::testing::Values(Isa::kReference, Isa::kAvx2, Isa::kAvx512));

}  // namespace
}  // namespace holdfast::quant
