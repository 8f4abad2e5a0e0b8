#include "model/rope.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/profile.h"
#include "base/simd.h"

namespace holdfast::model {
namespace {

// Llama 3: wavelengths longer than the old context / low factor are stretched by `factor`, those shorter than the old
// context / high factor are kept, those between are interpolated.
void scale_llama3(at::Tensor& inverse, const checkpoint::RopeScaling& scaling) {
  const float old_length = static_cast<float>(scaling.original_max_positions);
  const float low = static_cast<float>(scaling.low_freq_factor), high = static_cast<float>(scaling.high_freq_factor);
  const float factor = static_cast<float>(scaling.factor);
  float* values = inverse.data_ptr<float>();
  for (std::int64_t i = 0; i < inverse.numel(); ++i) {
    const float frequency = values[i];
    const float wavelength = 2 * std::numbers::pi_v<float> / frequency;
    if (wavelength > old_length / low) {
      values[i] = frequency / factor;
    } else if (wavelength >= old_length / high) {
      const float smooth = (old_length / wavelength - low) / (high - low);
      values[i] = (1 - smooth) * frequency / factor + smooth * frequency;
    }
  }
}

#define HOLDFAST_ROTATE_HEAD(T)                                                                   \
  HOLDFAST_CLONES void rotate_head(T* x, const T* cos, const T* sin, T sign, std::int64_t half) { \
    _Pragma("omp simd") for (std::int64_t i = 0; i < half; ++i) {                                 \
      const T first = x[i], second = x[i + half], s = sign * sin[i];                              \
      x[i] = first * cos[i] - second * s;                                                         \
      x[i + half] = second * cos[i] + first * s;                                                  \
    }                                                                                             \
  }

HOLDFAST_ROTATE_HEAD(float)
HOLDFAST_ROTATE_HEAD(double)
#undef HOLDFAST_ROTATE_HEAD

// YaRN: fast dimensions keep their frequency, slow ones are divided by the factor, a ramp lies between.
at::Tensor scale_yarn(const at::Tensor& powers, double theta, const checkpoint::RopeScaling& scaling) {
  const std::int64_t half = powers.numel();
  const double width = static_cast<double>(2 * half), old_length = static_cast<double>(scaling.original_max_positions);
  const auto dimension_of = [&](double rotations) {
    return width * std::log(old_length / (rotations * 2 * std::numbers::pi)) / (2 * std::log(theta));
  };
  double low = dimension_of(scaling.beta_fast), high = dimension_of(scaling.beta_slow);
  if (scaling.truncates) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0), high = std::min(high, width - 1);
  if (low == high) high += 0.001;
  const at::Tensor ramp = at::arange(0, half, at::kFloat).sub_(low).div_(high - low).clamp_(0, 1);
  const at::Tensor keeps = 1 - ramp;
  return powers.mul(scaling.factor).reciprocal() * (1 - keeps) + powers.reciprocal() * keeps;
}

}  // namespace

at::Tensor rope_inverse_frequencies(const checkpoint::ModelConfig& config, std::size_t rope_index,
                                    std::int64_t length) {
  using Kind = checkpoint::RopeScaling::Kind;
  const checkpoint::Rope& rope = config.ropes.at(rope_index);
  const checkpoint::RopeScaling& scaling = rope.scaling;
  const std::int64_t width = rope.rotary_dim > 0 ? rope.rotary_dim : config.head_dim;
  const at::Tensor exponents = at::arange(0, width, 2, at::kFloat).div(static_cast<double>(width));  // [width / 2]
  double theta = rope.theta;
  if (scaling.kind == Kind::kDynamic && length > scaling.original_max_positions) {
    const double stretch = static_cast<double>(length) / static_cast<double>(scaling.original_max_positions);
    theta *= std::pow(scaling.factor * stretch - (scaling.factor - 1),
                      static_cast<double>(width) / static_cast<double>(width - 2));
  }
  const at::Tensor powers = at::pow(theta, exponents);
  switch (scaling.kind) {
    case Kind::kNone:
    case Kind::kDynamic:
      return powers.reciprocal();
    case Kind::kLinear:
      return powers.reciprocal().div(scaling.factor);
    case Kind::kLlama3: {
      at::Tensor inverse = powers.reciprocal();
      scale_llama3(inverse, scaling);
      return inverse;
    }
    case Kind::kYarn:
      return scale_yarn(powers, theta, scaling);
    case Kind::kLongRope: {
      const auto& factors = length > scaling.original_max_positions ? scaling.long_factors : scaling.short_factors;
      at::Tensor factor = at::empty({width / 2}, at::kFloat);
      for (std::int64_t i = 0; i < width / 2; ++i) factor.data_ptr<float>()[i] = static_cast<float>(factors[i]);
      return factor.mul_(powers).reciprocal();
    }
  }
  HOLDFAST_ASSERT(false);
}

RopeTable rope_table(const at::Tensor& inverse_frequencies, std::span<const std::int64_t> positions,
                     at::ScalarType type, double attention_factor) {
  at::Tensor places = at::empty({static_cast<std::int64_t>(positions.size())}, at::kFloat);
  for (std::size_t i = 0; i < positions.size(); ++i) places.data_ptr<float>()[i] = static_cast<float>(positions[i]);
  const at::Tensor angles = at::outer(places, inverse_frequencies);  // [t, k / 2]
  at::Tensor cos = angles.cos(), sin = angles.sin();
  if (attention_factor != 1) cos.mul_(attention_factor), sin.mul_(attention_factor);
  return {cos.to(type), sin.to(type)};
}

std::int64_t rope_switch_length(const checkpoint::ModelConfig& config) {
  using Kind = checkpoint::RopeScaling::Kind;
  std::int64_t length = 0;
  for (const auto& [theta, rotary_dim, scaling] : config.ropes) {
    if (scaling.kind != Kind::kDynamic && scaling.kind != Kind::kLongRope) continue;
    length = length == 0 ? scaling.original_max_positions : std::min(length, scaling.original_max_positions);
  }
  return length;
}

std::int64_t rope_recompute_length(const checkpoint::ModelConfig& config) {
  for (const checkpoint::Rope& rope : config.ropes) {
    if (rope.scaling.kind == checkpoint::RopeScaling::Kind::kLongRope) return rope.scaling.original_max_positions;
  }
  return 0;
}

std::vector<RopeTable> rope_tables(const checkpoint::ModelConfig& config, const TokenBatch& batch,
                                   at::ScalarType type) {
  std::vector<RopeTable> tables;
  const std::span<const std::int64_t> positions = batch.positions;
  for (std::size_t rope = 0; rope < config.ropes.size(); ++rope) {
    const double attention_factor = config.ropes[rope].scaling.attention_factor;
    if (rope_switch_length(config) == 0) {
      tables.push_back(rope_table(rope_inverse_frequencies(config, rope), positions, type, attention_factor));
      continue;
    }
    std::vector<at::Tensor> cos, sin;  // sequence by sequence: each has a length of its own
    for (std::int64_t i = 0; i < batch.num_sequences(); ++i) {
      const auto own = positions.subspan(static_cast<std::size_t>(batch.starts[i]),
                                         static_cast<std::size_t>(batch.starts[i + 1] - batch.starts[i]));
      if (own.empty()) continue;
      RopeTable table = rope_table(rope_inverse_frequencies(config, rope, own.back() + 1), own, type, attention_factor);
      cos.push_back(std::move(table.cos));
      sin.push_back(std::move(table.sin));
    }
    tables.push_back({at::cat(cos), at::cat(sin)});
  }
  return tables;
}

void apply_rotary(at::Tensor& x, const RopeTable& table, std::int64_t head_dim, bool inverse) {
  HOLDFAST_ASSERT(x.is_contiguous() && x.size(1) % head_dim == 0 && x.size(0) == table.cos.size(0));
  const profile::Phase phase("rotary");
  const std::int64_t width = x.size(1), half = table.cos.size(1);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "apply_rotary", [&] {
    scalar_t* data = x.data_ptr<scalar_t>();
    const scalar_t* cos = table.cos.const_data_ptr<scalar_t>();
    const scalar_t* sin = table.sin.const_data_ptr<scalar_t>();
    const scalar_t sign = inverse ? -1 : 1;
    at::parallel_for(0, x.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        for (std::int64_t column = 0; column < width; column += head_dim) {
          rotate_head(data + row * width + column, cos + row * half, sin + row * half, sign, half);
        }
      }
    });
  });
}

}  // namespace holdfast::model
