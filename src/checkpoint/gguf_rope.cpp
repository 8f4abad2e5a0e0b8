#include "checkpoint/gguf_rope.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <optional>

#include "base/error.h"

namespace holdfast::checkpoint {
namespace {

using nlohmann::json;

constexpr double kLowFrequencyFactor = 1, kHighFrequencyFactor = 4;  // of every published Llama 3

std::optional<std::vector<double>> factors(const GgufMetadata& data, const char* name, std::int64_t count) {
  const auto found = data.file().tensors().find(name);
  if (found == data.file().tensors().end()) return std::nullopt;
  constexpr std::uint32_t kF32 = 0;
  HOLDFAST_CHECK(kBadFile, found->second.type == kF32 && found->second.shape == std::vector<std::int64_t>{count},
                 data.where(), ": tensor '", name, "': found another shape or type than ", count,
                 " of F32, expected these; this model is not supported");
  const std::string_view bytes = data.file().bytes(name, static_cast<std::uint64_t>(count) * sizeof(float));
  std::vector<double> values;
  for (std::int64_t i = 0; i < count; ++i) {
    float value = 0;
    std::memcpy(&value, bytes.data() + static_cast<std::size_t>(i) * sizeof value, sizeof value);
    HOLDFAST_CHECK(kBadFile, std::isfinite(value) && value > 0, data.where(), ": tensor '", name, "': found ", value,
                   ", expected positive numbers; is the file damaged?");
    values.push_back(value);
  }
  return values;
}

// What Llama 3 divides the frequency of pair i by.
double llama3_divisor(double theta, std::int64_t i, std::int64_t width, double factor, double original) {
  const double wavelength =
      2 * std::numbers::pi * std::pow(theta, 2.0 * static_cast<double>(i) / static_cast<double>(width));
  if (wavelength < original / kHighFrequencyFactor) return 1;
  if (wavelength > original / kLowFrequencyFactor) return factor;
  const double smooth = (original / wavelength - kLowFrequencyFactor) / (kHighFrequencyFactor - kLowFrequencyFactor);
  return 1 / ((1 - smooth) / factor + smooth);
}

// The scaling whose divisors these are: the last one is the factor itself, the trained length is a power of two.
json llama3_scaling(const GgufMetadata& data, const std::vector<double>& divisors, double theta) {
  const auto width = static_cast<std::int64_t>(divisors.size()) * 2;
  const double factor = divisors.back();
  for (std::int64_t original = 1024; original <= 1 << 20; original *= 2) {
    bool fits = true;
    for (std::int64_t i = 0; fits && i < width / 2; ++i) {
      const double expected = llama3_divisor(theta, i, width, factor, static_cast<double>(original));
      fits = std::fabs(divisors[static_cast<std::size_t>(i)] - expected) <= 1e-5 * expected;
    }
    if (fits)
      return {{"rope_type", "llama3"},
              {"factor", factor},
              {"low_freq_factor", kLowFrequencyFactor},
              {"high_freq_factor", kHighFrequencyFactor},
              {"original_max_position_embeddings", original}};
  }
  fail(ErrorKind::kBadFile, data.where(),
       ": tensor 'rope_freqs.weight': found divisors that are not Llama 3's, expected ",
       "those of a factor and a trained length; this model is not supported");
}

json scaling_of(const GgufMetadata& data, std::int64_t rotary_width, double theta) {
  const auto divisors = factors(data, "rope_freqs.weight", rotary_width / 2);
  if (divisors && *std::max_element(divisors->begin(), divisors->end()) != 1)
    return llama3_scaling(data, *divisors, theta);
  const auto short_factors = factors(data, "rope_factors_short.weight", rotary_width / 2);
  const auto long_factors = factors(data, "rope_factors_long.weight", rotary_width / 2);
  if (short_factors && long_factors) {
    json scaling = {{"rope_type", "longrope"}, {"short_factor", *short_factors}, {"long_factor", *long_factors}};
    if (data.has("rope.scaling.attn_factor")) scaling["attention_factor"] = data.number("rope.scaling.attn_factor");
    return scaling;
  }
  const json type = data.has("rope.scaling.type") ? data.value("rope.scaling.type") : json("none");
  if (type == "none") return {{"rope_type", "default"}};
  HOLDFAST_CHECK(kBadFile, type == "linear" || type == "yarn", data.where(), ": found rope.scaling.type ", type.dump(),
                 ", expected none, linear or yarn; this model is not supported");
  json scaling = {{"rope_type", type}, {"factor", data.number("rope.scaling.factor")}};
  if (type == "yarn") {
    for (const char* key :
         {"rope.scaling.yarn_log_multiplier", "rope.scaling.yarn_ext_factor", "rope.scaling.yarn_attn_factor"})
      data.refuse(key);
    if (data.has("rope.scaling.original_context_length"))
      scaling["original_max_position_embeddings"] = data.whole("rope.scaling.original_context_length");
    if (data.has("rope.scaling.attn_factor")) scaling["attention_factor"] = data.number("rope.scaling.attn_factor");
    if (data.has("rope.scaling.yarn_beta_fast")) scaling["beta_fast"] = data.number("rope.scaling.yarn_beta_fast");
    if (data.has("rope.scaling.yarn_beta_slow")) scaling["beta_slow"] = data.number("rope.scaling.yarn_beta_slow");
  }
  return scaling;
}

}  // namespace

json gguf_rope(const GgufMetadata& data, std::int64_t head_width) {
  const std::int64_t rotary_width = data.whole_or("rope.dimension_count", head_width);
  HOLDFAST_CHECK(kBadFile, rotary_width <= head_width && rotary_width % 2 == 0, data.where(),
                 ": found rope.dimension_count ", rotary_width, " of heads ", head_width,
                 " wide, expected an even number up to that; is the file damaged?");
  const double theta = data.number_or("rope.freq_base", 10000);
  json rope = scaling_of(data, rotary_width, theta);
  rope["rope_theta"] = theta;
  if (rotary_width < head_width)
    rope["partial_rotary_factor"] = static_cast<double>(rotary_width) / static_cast<double>(head_width);
  return rope;
}

}  // namespace holdfast::checkpoint
