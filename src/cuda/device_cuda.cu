#include <cuda_runtime.h>

#include "cuda/queue.h"

namespace holdfast::cuda {

int num_devices() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

}  // namespace holdfast::cuda
