#include "model/rope.h"

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>

#include <cmath>
#include <numbers>

#include "base/error.h"
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

}  // namespace

at::Tensor rope_inverse_frequencies(const checkpoint::ModelConfig& config) {
  const at::Tensor exponents = at::arange(0, config.head_dim, 2, at::kFloat).div(static_cast<double>(config.head_dim));
  at::Tensor inverse = at::pow(config.rope_theta, exponents).reciprocal();  // [k / 2]
  switch (config.rope_scaling.kind) {
    case checkpoint::RopeScaling::Kind::kNone:
      break;
    case checkpoint::RopeScaling::Kind::kLinear:
      inverse = inverse.div(config.rope_scaling.factor);
      break;
    case checkpoint::RopeScaling::Kind::kLlama3:
      scale_llama3(inverse, config.rope_scaling);
      break;
  }
  return inverse;
}

RopeTable rope_table(const at::Tensor& inverse_frequencies, std::span<const std::int64_t> positions,
                     at::ScalarType type) {
  at::Tensor places = at::empty({static_cast<std::int64_t>(positions.size())}, at::kFloat);
  for (std::size_t i = 0; i < positions.size(); ++i) places.data_ptr<float>()[i] = static_cast<float>(positions[i]);
  const at::Tensor angles = at::outer(places, inverse_frequencies);  // [t, k / 2]
  return {angles.cos().to(type), angles.sin().to(type)};
}

void apply_rotary(at::Tensor& x, const RopeTable& table, std::int64_t head_dim, bool inverse) {
  HOLDFAST_ASSERT(x.is_contiguous() && x.size(1) % head_dim == 0 && x.size(0) == table.cos.size(0));
  const std::int64_t width = x.size(1), half = head_dim / 2;
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
