// Where a kernel runs: on a CUDA device, in a stream, or on the processor, as the device would.
//
// Every operation of this module takes pointers, sizes and a Queue, and returns at once: what it does is done when the
// stream has come that far (on the processor: when it returns).  On the processor the blocks and threads of the grid
// are run one after the other by the very code that the device runs (cuda/run.cuh), which is for tests, not for speed.
// Pointers must be the device's for a device queue.  Throws Error(kMachine) where the driver refuses a launch.
#pragma once

#include <cstdint>

namespace holdfast::cuda {

struct Queue {
  bool is_device = false;
  void* stream = nullptr;  // cudaStream_t; null: the default stream
  // On the processor: the last thread of a block first.  A result that changes with it lacks a barrier.
  bool reverses_threads = false;
};

// Type of the numbers behind a void pointer.
enum class Number { kFloat, kBf16 };

// Whether the program was built with its device code, and how many devices it finds.
bool is_built();
int num_devices();

}  // namespace holdfast::cuda
