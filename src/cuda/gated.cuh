// The kernels of cuda/gated.h: a thread eight numbers of a row.
#pragma once

#include "cuda/gated.h"
#include "cuda/run.cuh"

namespace holdfast::cuda {

// act(z) and act'(z).
struct GateValue {
  float value, slope;
};
HOLDFAST_HD inline GateValue gate_value(Gate gate, float z) {
  if (gate == Gate::kSilu) {
    const float sigma = 1.0f / (1.0f + expf(-z));
    return {z * sigma, sigma * (1.0f + z * (1.0f - sigma))};
  }
  constexpr float kTwice = 1.5957691216057308f, kCubic = 0.044715f;  // 2 sqrt(2 / pi)
  const float sigma = 1.0f / (1.0f + expf(-kTwice * (z + kCubic * z * z * z)));
  return {z * sigma, sigma + z * sigma * (1.0f - sigma) * kTwice * (1.0f + 3.0f * kCubic * z * z)};
}

template <typename T>
struct GatedForwardKernel {
  static constexpr int kThreads = 256;
  using Shared = Nothing;
  using Own = Nothing;
  GatedForward call;

  HOLDFAST_HD Grid grid() const { return {ceil_divide(call.rows * ceil_divide(call.width, kWide), kThreads)}; }
  HOLDFAST_HD int steps(Place) const { return 1; }
  HOLDFAST_HD void step(int, Place place, Shared&, Own&) const {
    const std::int64_t groups = ceil_divide(call.width, kWide), index = place.block * kThreads + place.thread;
    const std::int64_t row = index / groups, first = index % groups * kWide, count = call.width - first;
    if (row >= call.rows) return;
    float g[kWide] = {}, u[kWide] = {};
    read(static_cast<const T*>(call.gate) + row * call.gate_stride + first, count, g);
    read(static_cast<const T*>(call.up) + row * call.gate_stride + first, count, u);
    for (int e = 0; e < kWide; ++e) g[e] = gate_value(call.gate_kind, g[e]).value * u[e];
    write(g, count, static_cast<T*>(call.a) + row * call.width + first);
  }
};

template <typename T>
struct GatedBackwardKernel {
  static constexpr int kThreads = 256;
  using Shared = Nothing;
  using Own = Nothing;
  GatedBackward call;

  HOLDFAST_HD Grid grid() const { return {ceil_divide(call.rows * ceil_divide(call.width, kWide), kThreads)}; }
  HOLDFAST_HD int steps(Place) const { return 1; }
  HOLDFAST_HD void step(int, Place place, Shared&, Own&) const {
    const std::int64_t groups = ceil_divide(call.width, kWide), index = place.block * kThreads + place.thread;
    const std::int64_t row = index / groups, first = index % groups * kWide, count = call.width - first;
    if (row >= call.rows) return;
    float g[kWide] = {}, u[kWide] = {}, d[kWide] = {}, a[kWide] = {};
    read(static_cast<const T*>(call.gate) + row * call.gate_stride + first, count, g);
    read(static_cast<const T*>(call.up) + row * call.gate_stride + first, count, u);
    read(static_cast<const T*>(call.da) + row * call.width + first, count, d);
    for (int e = 0; e < kWide; ++e) {
      const GateValue act = gate_value(call.gate_kind, g[e]);
      a[e] = act.value * u[e];
      g[e] = d[e] * u[e] * act.slope;
      u[e] = d[e] * act.value;
    }
    write(g, count, static_cast<T*>(call.dgate) + row * call.gradient_stride + first);
    write(u, count, static_cast<T*>(call.dup) + row * call.gradient_stride + first);
    if (call.a != nullptr) write(a, count, static_cast<T*>(call.a) + row * call.width + first);
  }
};

}  // namespace holdfast::cuda
