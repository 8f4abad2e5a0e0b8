// Reading; writing is in quantize_checkpoint.cpp.
#include "model/nf4_checkpoint.h"

#include <ATen/ops/isfinite.h>

#include <cstring>

#include "base/error.h"
#include "checkpoint/nf4_state.h"

namespace holdfast::model {
namespace {

bool all_finite(const at::Tensor& values) { return at::isfinite(values).all().item<bool>(); }

template <std::size_t n>
bool equals(const at::Tensor& values, const std::array<float, n>& expected) {
  return std::memcmp(values.const_data_ptr(), expected.data(), sizeof expected) == 0;
}

}  // namespace

quant::Nf4Weight read_nf4(const checkpoint::Weights& weights, const std::string& name, std::int64_t out_features,
                          std::int64_t in_features) {
  const auto place = [&](const std::string& tensor) { return "[load] tensor '" + tensor + "'"; };
  const auto scales = [&](const std::string& tensor) {
    const at::Tensor values = weights.tensor(tensor).clone();
    HOLDFAST_CHECK(kBadFile, all_finite(values), place(tensor),
                   ": found a scale that is not finite, expected numbers; is the download complete?");
    return values;
  };

  const bool is_fp4 = weights.contains(name + checkpoint::state_suffix("fp4"));
  const std::string state_name = name + checkpoint::state_suffix(is_fp4 ? "fp4" : "nf4");
  const at::Tensor text = weights.tensor(state_name);
  const auto state = checkpoint::parse_nf4_state(
      {static_cast<const char*>(text.const_data_ptr()), static_cast<std::size_t>(text.numel())}, place(state_name));
  HOLDFAST_CHECK(kBadFile, state.shape[0] == out_features && state.shape[1] == in_features, place(state_name),
                 ": found shape [", state.shape[0], ", ", state.shape[1], "], expected [", out_features, ", ",
                 in_features, "]; is config.json of this checkpoint?");
  const bool is_nested = weights.contains(name + ".nested_absmax");
  HOLDFAST_CHECK(kBadFile, state.is_nested == is_nested, place(state_name), ": found ", state.is_nested ? "a" : "no",
                 " nested_offset and ", is_nested ? "a" : "no", " tensor '", name,
                 ".nested_absmax', expected both or neither; is the download complete?");
  const std::int64_t size = out_features * in_features, blocks = (size + state.block_size - 1) / state.block_size;
  HOLDFAST_CHECK(kBadFile, weights.shape(name + ".absmax")[0] == blocks, place(state_name), ": found blocks of ",
                 state.block_size, " and ", weights.shape(name + ".absmax")[0], " scales, expected ", blocks,
                 "; is the file damaged?");
  HOLDFAST_CHECK(kBadFile, state.quant_type == (is_fp4 ? "fp4" : "nf4"), place(state_name), ": found quant_type '",
                 state.quant_type, "', expected that of its name; is the file damaged?");
  const std::array<float, 16>& levels = is_fp4 ? quant::fp4_levels() : quant::nf4_levels();
  HOLDFAST_CHECK(kBadFile, equals(weights.tensor(name + ".quant_map"), levels), place(name + ".quant_map"),
                 ": found levels that are not ", is_fp4 ? "FP4" : "NF4",
                 "'s, expected the sixteen of bitsandbytes; try the original weights");

  quant::Nf4Weight weight;
  weight.out_features = out_features;
  weight.in_features = in_features;
  weight.block_size = state.block_size;
  weight.levels = &levels;
  weight.codes = weights.tensor(name).view({-1});
  if (!is_nested) {
    weight.plain_absmax = scales(name + ".absmax");
    return weight;
  }
  weight.absmax_codes = weights.tensor(name + ".absmax");
  weight.nested_absmax = scales(name + ".nested_absmax");
  weight.nested_offset = static_cast<float>(state.nested_offset);
  const at::Tensor map = scales(name + ".nested_quant_map");
  // Versions of torch computed the map with other last bits; scales in such a one are widened once and kept so.
  if (!equals(map, quant::dynamic_map())) weight.plain_absmax = dequantize_absmax(weight, map.const_data_ptr<float>());
  return weight;
}

}  // namespace holdfast::model
