// The kernel of cuda/adamw.h: a thread eight parameters.
#pragma once

#include "cuda/adamw.h"
#include "cuda/run.cuh"

namespace holdfast::cuda {

struct AdamWKernel {
  static constexpr int kThreads = 256;
  using Shared = Nothing;
  using Own = Nothing;
  AdamWStep call;

  HOLDFAST_HD int steps(Place) const { return 1; }
  HOLDFAST_HD void step(int, Place place, Shared&, Own&) const {
    const std::int64_t first = (place.block * kThreads + place.thread) * kWide, count = call.count - first;
    if (count <= 0) return;
    float p[kWide] = {}, g[kWide] = {}, m[kWide] = {}, v[kWide] = {};
    read(call.parameters + first, count, p);
    read(call.gradient + first, count, g);
    read(call.first_moment + first, count, m);
    read(call.second_moment + first, count, v);
    for (int e = 0; e < kWide; ++e) {
      m[e] = call.beta1 * m[e] + call.rest1 * g[e];
      v[e] = call.beta2 * v[e] + call.rest2 * g[e] * g[e];
      p[e] = p[e] * call.decay - call.step_size * (m[e] / (sqrtf(v[e]) / call.root + call.eps));
    }
    write(p, count, call.parameters + first);
    write(m, count, call.first_moment + first);
    write(v, count, call.second_moment + first);
  }
};

}  // namespace holdfast::cuda
