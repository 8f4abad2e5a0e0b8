#include "cuda/gated.cuh"

namespace holdfast::cuda {

void gated_forward(const GatedForward& call, Queue queue) {
  with_type(call.type, [&](auto type) {
    const GatedForwardKernel<decltype(type)> kernel{call};
    run(kernel, kernel.grid(), queue);
  });
}

void gated_backward(const GatedBackward& call, Queue queue) {
  with_type(call.type, [&](auto type) {
    const GatedBackwardKernel<decltype(type)> kernel{call};
    run(kernel, kernel.grid(), queue);
  });
}

}  // namespace holdfast::cuda
