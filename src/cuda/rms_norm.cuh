// The kernels of cuda/rms_norm.h: a block a row, a thread every 256th group of eight numbers.
#pragma once

#include "cuda/rms_norm.h"
#include "cuda/run.cuh"

namespace holdfast::cuda {

template <typename T>
struct RmsNormForwardKernel {
  static constexpr int kThreads = 256;
  using Shared = Reduction<kThreads, Sum>;
  using Own = Nothing;
  RmsNormForward call;

  HOLDFAST_HD int steps(Place) const { return 3; }
  HOLDFAST_HD void step(int i, Place place, Shared& squares, Own&) const {
    const std::int64_t d = call.width, row = place.block * d;
    const T* x = static_cast<const T*>(call.x) + row;
    const T* residual = call.residual == nullptr ? nullptr : static_cast<const T*>(call.residual) + row;
    T* sum = call.sum == nullptr ? nullptr : static_cast<T*>(call.sum) + row;
    if (i == 0) {
      float own = 0;
      for (std::int64_t j = place.thread * kWide; j < d; j += kThreads * kWide) {
        float s[kWide] = {}, r[kWide] = {};
        read(x + j, d - j, s);
        if (residual != nullptr) {
          read(residual + j, d - j, r);
          for (int e = 0; e < kWide; ++e) s[e] = widen(narrow<T>(s[e] + r[e]));
        }
        if (sum != nullptr) write(s, d - j, sum + j);
        for (int e = 0; e < kWide; ++e) own = fmaf(s[e], s[e], own);
      }
      squares.put(place.thread, own);
    } else if (i == 1) {
      squares.fold(place.thread);
    } else {
      const float scale = 1.0f / sqrtf(squares.total() / static_cast<float>(d) + call.eps);
      const T* from = sum == nullptr ? x : sum;  // what this thread wrote
      for (std::int64_t j = place.thread * kWide; j < d; j += kThreads * kWide) {
        float s[kWide] = {}, w[kWide] = {};
        read(from + j, d - j, s);
        read(call.weight + j, d - j, w);
        for (int e = 0; e < kWide; ++e) s[e] = w[e] * (s[e] * scale);
        write(s, d - j, static_cast<T*>(call.y) + row + j);
      }
    }
  }
};

template <typename T>
struct RmsNormBackwardKernel {
  static constexpr int kThreads = 256;
  struct Shared {
    Reduction<kThreads, Sum> squares, dot;
  };
  using Own = Nothing;
  RmsNormBackward call;

  HOLDFAST_HD int steps(Place) const { return 3; }
  HOLDFAST_HD void step(int i, Place place, Shared& shared, Own&) const {
    const std::int64_t d = call.width, row = place.block * d;
    const T *dy = static_cast<const T*>(call.dy) + row, *x = static_cast<const T*>(call.x) + row;
    if (i == 1) {
      shared.squares.fold(place.thread);
      shared.dot.fold(place.thread);
      return;
    }
    float scale = 0, slope = 0, squares = 0, dot = 0;
    if (i == 2) {
      scale = 1.0f / sqrtf(shared.squares.total() / static_cast<float>(d) + call.eps);
      slope = scale * scale * scale * shared.dot.total() / static_cast<float>(d);
    }
    for (std::int64_t j = place.thread * kWide; j < d; j += kThreads * kWide) {
      float g[kWide] = {}, s[kWide] = {}, w[kWide] = {}, r[kWide] = {};
      read(dy + j, d - j, g);
      read(x + j, d - j, s);
      read(call.weight + j, d - j, w);
      if (i == 0) {
        for (int e = 0; e < kWide; ++e) {
          squares = fmaf(s[e], s[e], squares);
          dot = fmaf(w[e] * g[e], s[e], dot);
        }
      } else {
        if (call.residual != nullptr) read(static_cast<const T*>(call.residual) + row + j, d - j, r);
        for (int e = 0; e < kWide; ++e) r[e] += scale * w[e] * g[e] - slope * s[e];
        write(r, d - j, static_cast<T*>(call.dx) + row + j);
      }
    }
    if (i == 0) {
      shared.squares.put(place.thread, squares);
      shared.dot.put(place.thread, dot);
    }
  }
};

}  // namespace holdfast::cuda
