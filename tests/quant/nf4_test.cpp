#include "quant/nf4.h"

#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "checkpoint/safetensors.h"
#include "shared_data.h"

namespace holdfast::quant {
namespace {

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         std::memcmp(a.contiguous().const_data_ptr(), b.contiguous().const_data_ptr(),
                     static_cast<std::size_t>(a.numel()) * a.element_size()) == 0;
}

class Nf4 : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no such instructions";
    force_isa(GetParam());
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

TEST_P(Nf4, GivesTheReferencesBits) {
  for (const std::int64_t rows : {1, 2, 63, 65, 257}) {
    const at::Tensor weight = at::randn({rows, 64});
    const Nf4Weight ours = quantize_nf4(weight);
    force_isa(Isa::kReference);
    const Nf4Weight reference = quantize_nf4(weight);
    EXPECT_TRUE(same_bits(ours.codes, reference.codes));
    const at::Tensor expected = dequantize_nf4(reference);
    force_isa(GetParam());
    EXPECT_TRUE(same_bits(dequantize_nf4(ours), expected));
    at::Tensor part = at::empty({1, 64}, at::kFloat);
    dequantize_nf4(ours, part.data_ptr<float>(), rows - 1, rows);
    EXPECT_TRUE(same_bits(part, expected.narrow(0, rows - 1, 1)));
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, Nf4, ::testing::Values(Isa::kReference, Isa::kAvx2, Isa::kAvx512));

}  // namespace
}  // namespace holdfast::quant
