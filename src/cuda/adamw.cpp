#include "cuda/adamw.cuh"

namespace holdfast::cuda {

void adamw_step(const AdamWStep& call, Queue queue) {
  run(AdamWKernel{call}, {ceil_divide(call.count, AdamWKernel::kThreads * kWide)}, queue);
}

}  // namespace holdfast::cuda
