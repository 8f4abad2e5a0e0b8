// The kernel of cuda/cross_entropy.h: a block a row.
#pragma once

#include "cuda/cross_entropy.h"
#include "cuda/run.cuh"

namespace holdfast::cuda {

template <typename T>
struct CrossEntropyKernel {
  static constexpr int kThreads = 512;
  struct Shared {
    Reduction<kThreads, Largest> largest;
    Reduction<kThreads, Sum> sum;
  };
  struct Own {
    float largest, sum;  // of this thread's numbers; sum of exp(z - largest)
  };
  CrossEntropy call;

  HOLDFAST_HD int steps(Place) const { return 5; }
  HOLDFAST_HD void step(int i, Place place, Shared& shared, Own& own) const {
    const std::int64_t v = call.width, row = place.block;
    T* z = static_cast<T*>(call.logits) + row * v;
    switch (i) {
      case 0:
        own = {-INFINITY, 0};
        for (std::int64_t j = place.thread * kWide; j < v; j += kThreads * kWide) take(z + j, v - j, own);
        shared.largest.put(place.thread, own.largest);
        return;
      case 1:
        shared.largest.fold(place.thread);
        return;
      case 2:
        shared.sum.put(place.thread, own.sum == 0 ? 0 : own.sum * expf(own.largest - shared.largest.total()));
        return;
      case 3:
        shared.sum.fold(place.thread);
        return;
    }
    const float log_sum = logf(shared.sum.total()) + shared.largest.total();
    const std::int64_t target = call.targets[row];
    for (std::int64_t j = place.thread * kWide; j < v; j += kThreads * kWide) {
      float x[kWide] = {};
      read(z + j, v - j, x);
      for (int e = 0; e < kWide; ++e) {
        const bool is_target = j + e == target;
        if (is_target) call.loss[row] = log_sum - x[e];
        x[e] = call.scale * (expf(x[e] - log_sum) - (is_target ? 1.0f : 0.0f));
      }
      write(x, v - j, z + j);
    }
  }

 private:
  HOLDFAST_HD static void take(const T* z, std::int64_t count, Own& own) {
    float x[kWide];
    for (int e = 0; e < kWide; ++e) x[e] = -INFINITY;
    read(z, count, x);
    float largest = own.largest;
    for (int e = 0; e < kWide; ++e) largest = Largest::join(largest, x[e]);
    if (largest == -INFINITY) return;
    float sum = own.sum == 0 ? 0 : own.sum * expf(own.largest - largest);
    for (int e = 0; e < kWide; ++e) sum += expf(x[e] - largest);
    own = {largest, sum};
  }
};

}  // namespace holdfast::cuda
