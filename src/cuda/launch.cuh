// Starts a kernel (cuda/run.cuh) on a device.  Included by *_cuda.cu alone.
#pragma once

#include <cuda_runtime.h>

#include "cuda/run.cuh"

namespace holdfast::cuda {

template <typename Kernel>
__global__ void __launch_bounds__(Kernel::kThreads) run_on_device(const __grid_constant__ Kernel kernel) {
  __shared__ typename Kernel::Shared shared;
  typename Kernel::Own own;
  const Place place{static_cast<std::int64_t>(blockIdx.x), static_cast<std::int64_t>(blockIdx.y),
                    static_cast<int>(threadIdx.x)};
  const int steps = kernel.steps(place);
  for (int i = 0; i < steps; ++i) {
    kernel.step(i, place, shared, own);
    __syncthreads();
  }
}

template <typename Kernel>
void launch(const Kernel& kernel, Grid grid, void* stream) {
  HOLDFAST_ASSERT(grid.blocks <= 0x7fffffff && grid.parts <= 65535);
  const dim3 size(static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.parts));
  run_on_device<<<size, Kernel::kThreads, 0, static_cast<cudaStream_t>(stream)>>>(kernel);
  const cudaError_t error = cudaGetLastError();
  HOLDFAST_CHECK(kMachine, error == cudaSuccess, "[device] found '", cudaGetErrorString(error),
                 "' when starting a kernel, expected none; is the driver as new as CUDA 13.0?");
}

}  // namespace holdfast::cuda
