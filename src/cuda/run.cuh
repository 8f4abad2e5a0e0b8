// How a kernel is written, and how it runs on the processor.
//
// A kernel is a struct of pointers and sizes with
//   kThreads            threads of a block
//   Shared, Own         memory of a block, and of a thread, that lives through all steps
//   steps(place)        how many steps the block takes; the same for all its threads
//   step(i, place, shared, own)   what a thread does between two barriers
// The device runs the steps of a block's threads side by side with a barrier after each (cuda/launch.cuh); emulate()
// runs them one thread after the other.  So indices, arithmetic and barriers of both are one text.
//
// Sums over a block go through Reduction, whose order is fixed: a device gives the same bits each time, and but for
// exp, log and the like those of the processor.
#pragma once

#include <memory>
#include <vector>

#include "base/error.h"
#include "cuda/number.cuh"

namespace holdfast::cuda {

struct Grid {
  std::int64_t blocks = 0;
  std::int64_t parts = 1;  // the grid's second dimension, at most 65,535
};

struct Place {
  std::int64_t block, part;
  int thread;
};

struct Nothing {};

HOLDFAST_HD inline std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

struct Sum {
  static constexpr float kStart = 0;
  HOLDFAST_HD static float join(float a, float b) { return a + b; }
};
struct Largest {
  static constexpr float kStart = -INFINITY;
  HOLDFAST_HD static float join(float a, float b) { return a > b ? a : b; }
};

// Joins one number of each thread: put, barrier, fold, barrier, and then total() for every thread.
template <int kThreads, typename Operation>
struct Reduction {
  static constexpr int kLanes = 32;
  float numbers[kThreads], lanes[kLanes];

  HOLDFAST_HD void put(int thread, float x) { numbers[thread] = x; }
  HOLDFAST_HD void fold(int thread) {
    if (thread >= kLanes) return;
    float x = Operation::kStart;
    for (int i = thread; i < kThreads; i += kLanes) x = Operation::join(x, numbers[i]);
    lanes[thread] = x;
  }
  HOLDFAST_HD float total() const {
    float x = lanes[0];
    for (int i = 1; i < kLanes; ++i) x = Operation::join(x, lanes[i]);
    return x;
  }
};

template <typename Kernel>
void emulate(const Kernel& kernel, Grid grid, bool reverses_threads) {
  std::vector<typename Kernel::Own> own(Kernel::kThreads);
  const auto shared = std::make_unique<typename Kernel::Shared>();
  for (std::int64_t part = 0; part < grid.parts; ++part) {
    for (std::int64_t block = 0; block < grid.blocks; ++block) {
      std::memset(static_cast<void*>(shared.get()), 0xff,
                  sizeof *shared);  // floats: NaN, so that one read too early shows
      std::memset(static_cast<void*>(own.data()), 0xff, own.size() * sizeof own[0]);
      const int steps = kernel.steps(Place{block, part, 0});
      for (int i = 0; i < steps; ++i) {
        for (int turn = 0; turn < Kernel::kThreads; ++turn) {
          const int thread = reverses_threads ? Kernel::kThreads - 1 - turn : turn;
          kernel.step(i, Place{block, part, thread}, *shared, own[static_cast<std::size_t>(thread)]);
        }
      }
    }
  }
}

#ifdef HOLDFAST_CUDA
inline constexpr bool kIsBuilt = true;
#else
inline constexpr bool kIsBuilt = false;
#endif

// Defined in cuda/launch.cuh, and for each kernel instantiated in its *_cuda.cu.
template <typename Kernel>
void launch(const Kernel& kernel, Grid grid, void* stream);

template <typename Kernel>
void run(const Kernel& kernel, Grid grid, Queue queue) {
  if (grid.blocks == 0 || grid.parts == 0) return;
  if (!queue.is_device) return emulate(kernel, grid, queue.reverses_threads);
  if constexpr (kIsBuilt) {
    launch(kernel, grid, queue.stream);
  } else {
    HOLDFAST_ASSERT(false);  // nobody has a device queue in a program without device code
  }
}

// Calls run_kernel(T{}) with the type that `number` names.
template <typename Function>
void with_type(Number number, const Function& run_kernel) {
  if (number == Number::kFloat) {
    run_kernel(float{});
  } else {
    run_kernel(Bf16{});
  }
}

}  // namespace holdfast::cuda
