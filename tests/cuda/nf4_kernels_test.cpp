// NF4 on a device against quant/nf4, which equals bitsandbytes: bit for bit.
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>

#include "cuda/nf4.h"
#include "quant/nf4.h"
#include "where.h"

namespace holdfast::cuda {
namespace {

class Nf4Kernels : public Kernels {
 protected:
  at::Tensor levels(const quant::Nf4Weight& weight) const { return put(table(weight.levels->data(), 16)); }
  at::Tensor map() const { return put(table(quant::dynamic_map().data(), 256)); }
  static at::Tensor table(const float* values, std::int64_t count) {
    return at::from_blob(const_cast<float*>(values), {count}, at::kFloat).clone();
  }
  void expect_widened(const quant::Nf4Weight& weight, std::int64_t skip, const std::string& what) const {
    const at::Tensor codes = put(weight.codes, skip), levels_on = levels(weight), map_on = map();
    const bool is_plain = weight.plain_absmax.defined();
    const at::Tensor scales = is_plain ? put(weight.plain_absmax) : at::Tensor(),
                     scale_codes = is_plain ? at::Tensor() : put(weight.absmax_codes, skip),
                     nested = is_plain ? at::Tensor() : put(weight.nested_absmax);
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      at::Tensor out = put(at::full({weight.size() + 1}, 7, type), skip);
      nf4_dequantize({codes.data_ptr<std::uint8_t>(), is_plain ? scales.data_ptr<float>() : nullptr,
                      is_plain ? nullptr : scale_codes.data_ptr<std::uint8_t>(),
                      is_plain ? nullptr : nested.data_ptr<float>(), map_on.data_ptr<float>(),
                      levels_on.data_ptr<float>(), weight.nested_offset, weight.size(), weight.block_size},
                     number_of(type), out.data_ptr(), queue());
      EXPECT_TRUE(same_bits(out.narrow(0, 0, weight.size()), quant::dequantize_nf4(weight, type).view({-1}))) << what;
      EXPECT_EQ(out[-1].item<float>(), 7) << what << ": written behind its place";
    }
  }
};

TEST_P(Nf4Kernels, WidenToTheBitsOfTheProcessors) {
  for (const std::int64_t n : {0, 1, 2, 15, 16, 17, 63, 64, 65, 127, 4095, 4096, 4097, 16384, 20001}) {
    for (const std::int64_t skip : {0, 3})
      expect_widened(quant::quantize_nf4(draw({1, n}, 1, at::kFloat, 0.02)), skip, std::to_string(n) + " weights");
  }
}

TEST_P(Nf4Kernels, WidenPlainScalesAndBlocksOfOtherSizes) {
  for (const std::int64_t block_size : {6, 32, 64, 4096}) {
    quant::Nf4Weight weight = quant::quantize_nf4(draw({3, 701}, 5));
    weight.block_size = block_size;
    weight.plain_absmax = draw({(weight.size() + block_size - 1) / block_size}, 6).abs();
    weight.levels = &quant::fp4_levels();
    expect_widened(weight, 0, "blocks of " + std::to_string(block_size));
  }
}

TEST_P(Nf4Kernels, QuantiseToTheBitsOfTheProcessors) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t n : {1, 2, 63, 64, 65, 1023, 1024, 1025, 16384, 20001, 64 * 256 * 2 + 64}) {
      at::Tensor source = draw({1, n}, static_cast<std::uint64_t>(n), type, 0.02);
      if (n > 128) source.narrow(1, 64, 64).zero_();  // a block without a scale
      const quant::Nf4Weight expected = quant::quantize_nf4(source);
      const at::Tensor weights = put(source, 1), levels_on = levels(expected), map_on = map(),
                       offset = put(at::full({1}, expected.nested_offset, at::kFloat));
      at::Tensor codes = put(at::empty_like(expected.codes)), scale_codes = put(at::empty_like(expected.absmax_codes)),
                 nested = put(at::empty_like(expected.nested_absmax)),
                 scales = put(at::empty({expected.absmax_codes.numel()}, at::kFloat));
      nf4_quantize({number_of(type), weights.data_ptr(), levels_on.data_ptr<float>(), codes.data_ptr<std::uint8_t>(),
                    scales.data_ptr<float>(), n},
                   queue());
      nf4_quantize_scales({scales.data_ptr<float>(), offset.data_ptr<float>(), map_on.data_ptr<float>(),
                           scale_codes.data_ptr<std::uint8_t>(), nested.data_ptr<float>(), scales.numel()},
                          queue());
      EXPECT_TRUE(same_bits(codes, expected.codes)) << n;
      EXPECT_TRUE(same_bits(nested, expected.nested_absmax)) << n;
      EXPECT_TRUE(same_bits(scale_codes, expected.absmax_codes)) << n;
    }
  }
}

HOLDFAST_EVERYWHERE(Nf4Kernels);

}  // namespace
}  // namespace holdfast::cuda
