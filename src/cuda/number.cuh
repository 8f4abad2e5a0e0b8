// Numbers in memory as kernels see them: float or bfloat16, read and written in floats, eight at a time where they lie
// so that one access can take them.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#define HOLDFAST_HD __host__ __device__
#else
#define HOLDFAST_HD
#endif
#ifdef __CUDA_ARCH__
#define HOLDFAST_UNROLL _Pragma("unroll")  // arrays that are indexed stay in registers
#else
#define HOLDFAST_UNROLL
#endif

#include "cuda/queue.h"

namespace holdfast::cuda {

struct Bf16 {
  std::uint16_t bits;
};

HOLDFAST_HD inline std::uint32_t bits_of(float x) {
#ifdef __CUDA_ARCH__
  return __float_as_uint(x);
#else
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
#endif
}

HOLDFAST_HD inline float float_of(std::uint32_t bits) {
#ifdef __CUDA_ARCH__
  return __uint_as_float(bits);
#else
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
#endif
}

HOLDFAST_HD inline float widen(float x) { return x; }
HOLDFAST_HD inline float widen(Bf16 x) { return float_of(static_cast<std::uint32_t>(x.bits) << 16); }

// To the nearest number of type T, of two the one with an even last bit.
template <typename T>
HOLDFAST_HD inline T narrow(float x);
template <>
HOLDFAST_HD inline float narrow<float>(float x) {
  return x;
}
template <>
HOLDFAST_HD inline Bf16 narrow<Bf16>(float x) {
#ifdef __CUDA_ARCH__
  return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
#else
  const std::uint32_t bits = bits_of(x);
  if (std::isnan(x)) return {0x7fc0};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};
#endif
}

inline constexpr int kWide = 8;  // numbers that a thread takes at a time

template <typename T>
struct alignas(16) Pack {
  T values[kWide];
};

template <typename T>
HOLDFAST_HD inline bool is_aligned(const T* p) {
  return reinterpret_cast<std::uintptr_t>(p) % alignof(Pack<T>) == 0;
}

// The first min(count, 8) numbers from p on; the others stay as they are.
template <typename T>
HOLDFAST_HD inline void read(const T* p, std::int64_t count, float (&x)[kWide]) {
  if (count >= kWide && is_aligned(p)) {
    const Pack<T> pack = *reinterpret_cast<const Pack<T>*>(p);
    for (int i = 0; i < kWide; ++i) x[i] = widen(pack.values[i]);
  } else {
    for (int i = 0; i < kWide; ++i) {
      if (i < count) x[i] = widen(p[i]);
    }
  }
}

template <typename T>
HOLDFAST_HD inline void write(const float (&x)[kWide], std::int64_t count, T* p) {
  if (count >= kWide && is_aligned(p)) {
    Pack<T> pack;
    for (int i = 0; i < kWide; ++i) pack.values[i] = narrow<T>(x[i]);
    *reinterpret_cast<Pack<T>*>(p) = pack;
  } else {
    for (int i = 0; i < kWide; ++i) {
      if (i < count) p[i] = narrow<T>(x[i]);
    }
  }
}

}  // namespace holdfast::cuda
