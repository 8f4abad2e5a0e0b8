#include "cuda/nf4.cuh"

namespace holdfast::cuda {

void nf4_dequantize(const Nf4Codes& weight, Number type, void* out, Queue queue) {
  HOLDFAST_ASSERT(weight.block_size % 2 == 0 && weight.block_size > 0);
  with_type(type, [&](auto number) {
    using T = decltype(number);
    using Kernel = Nf4DequantizeKernel<T>;
    run(Kernel{weight, static_cast<T*>(out)}, {ceil_divide(weight.count, Kernel::kThreads * Kernel::kWeights)}, queue);
  });
}

void nf4_quantize(const Nf4Quantize& call, Queue queue) {
  with_type(call.type, [&](auto number) {
    using Kernel = Nf4QuantizeKernel<decltype(number)>;
    run(Kernel{call}, {ceil_divide(call.count, Kernel::kThreads * Kernel::kWeights)}, queue);
  });
}

void nf4_quantize_scales(const Nf4QuantizeScales& call, Queue queue) {
  run(Nf4QuantizeScalesKernel{call}, {ceil_divide(call.count, Nf4QuantizeScalesKernel::kThreads)}, queue);
}

}  // namespace holdfast::cuda
