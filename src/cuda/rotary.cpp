#include "cuda/rotary.cuh"

namespace holdfast::cuda {

void rotary(const Rotary& call, Queue queue) {
  with_type(call.type, [&](auto type) {
    const RotaryKernel<decltype(type)> kernel{call};
    if (call.half > 0) run(kernel, kernel.grid(), queue);
  });
}

}  // namespace holdfast::cuda
