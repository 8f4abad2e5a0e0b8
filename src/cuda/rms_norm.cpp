#include "cuda/rms_norm.cuh"

namespace holdfast::cuda {

void rms_norm_forward(const RmsNormForward& call, Queue queue) {
  HOLDFAST_ASSERT(call.residual == nullptr || call.sum != nullptr);
  with_type(call.type, [&](auto type) { run(RmsNormForwardKernel<decltype(type)>{call}, {call.rows}, queue); });
}

void rms_norm_backward(const RmsNormBackward& call, Queue queue) {
  with_type(call.type, [&](auto type) { run(RmsNormBackwardKernel<decltype(type)>{call}, {call.rows}, queue); });
}

}  // namespace holdfast::cuda
