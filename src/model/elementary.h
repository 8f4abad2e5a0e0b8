// exp, 1 / (1 + exp(-x)) and tanh in float, by arithmetic alone, so that loops over them become vector code and a
// number's result depends neither on its place in the loop nor on the instruction set.
//
// Error    exp and sigmoid 2 units in the last place, tanh 3; exp is 0 below -87 and that of 88 above 88
// Method   exp(x) = 2^n exp(r), |r| <= ln 2 / 2, and a polynomial for exp(r); tanh near 0 by a polynomial of its own
// Source   coefficients of the Cephes library, Moshier 1984-1992 (expf, tanhf)
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace holdfast::model {

inline __attribute__((always_inline)) float exp_of(float x) {
  const float bounded = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves a whole number in the low bits
  const float shifted = std::fma(bounded, 1.44269504088896341f, kRound), n = shifted - kRound;
  const float r = std::fma(n, 2.12194440e-4f, std::fma(n, -0.693359375f, bounded));
  float p = 1.9875691500e-4f;
  p = std::fma(p, r, 1.3981999507e-3f);
  p = std::fma(p, r, 8.3334519073e-3f);
  p = std::fma(p, r, 4.1665795894e-2f);
  p = std::fma(p, r, 1.6666665459e-1f);
  p = std::fma(p, r, 5.0000001201e-1f);
  const float y = std::fma(p, r * r, r) + 1.0f;
  const std::uint32_t power = std::bit_cast<std::uint32_t>(shifted) << 23;  // n, in the exponent's place
  const float result = std::bit_cast<float>(std::bit_cast<std::uint32_t>(y) + power);
  return x < -87.0f ? 0.0f : result;
}

inline __attribute__((always_inline)) float sigmoid_of(float x) { return 1.0f / (1.0f + exp_of(-x)); }

inline __attribute__((always_inline)) float tanh_of(float x) {
  const float size = x < 0 ? -x : x, z = x * x;
  float p = -5.70498872745e-3f;
  p = std::fma(p, z, 2.06390887954e-2f);
  p = std::fma(p, z, -5.37397155531e-2f);
  p = std::fma(p, z, 1.33314422036e-1f);
  p = std::fma(p, z, -3.33332819422e-1f);
  const float near = std::fma(p * z, x, x);
  const float far = 1.0f - 2.0f / (exp_of(2.0f * size) + 1.0f);
  return size < 0.625f ? near : (x < 0 ? -far : far);
}

}  // namespace holdfast::model
