// The kernel of cuda/rotary.h: a thread eight pairs of a head.
#pragma once

#include "cuda/rotary.h"
#include "cuda/run.cuh"

namespace holdfast::cuda {

template <typename T>
struct RotaryKernel {
  static constexpr int kThreads = 256;
  using Shared = Nothing;
  using Own = Nothing;
  Rotary call;

  HOLDFAST_HD std::int64_t groups_of_head() const { return ceil_divide(call.half, kWide); }
  HOLDFAST_HD Grid grid() const { return {ceil_divide(call.rows * call.heads * groups_of_head(), kThreads)}; }
  HOLDFAST_HD int steps(Place) const { return 1; }
  HOLDFAST_HD void step(int, Place place, Shared&, Own&) const {
    const std::int64_t index = place.block * kThreads + place.thread;
    const std::int64_t head_index = index / groups_of_head(), first = index % groups_of_head() * kWide;
    const std::int64_t row = head_index / call.heads, head = head_index % call.heads, count = call.half - first;
    if (row >= call.rows) return;
    T* low = static_cast<T*>(call.x) + row * call.row_stride + head * call.head_dim + first;
    T* high = low + call.half;
    float a[kWide] = {}, b[kWide] = {}, c[kWide] = {}, s[kWide] = {};
    read(low, count, a);
    read(high, count, b);
    read(call.cos + row * call.half + first, count, c);
    read(call.sin + row * call.half + first, count, s);
    for (int e = 0; e < kWide; ++e) {
      const float x = a[e], y = b[e], sine = call.is_inverse ? -s[e] : s[e];
      a[e] = x * c[e] - y * sine;
      b[e] = y * c[e] + x * sine;
    }
    write(a, count, low);
    write(b, count, high);
  }
};

}  // namespace holdfast::cuda
