#include "cuda/cross_entropy.cuh"

namespace holdfast::cuda {

void cross_entropy(const CrossEntropy& call, Queue queue) {
  with_type(call.type, [&](auto type) { run(CrossEntropyKernel<decltype(type)>{call}, {call.rows}, queue); });
}

}  // namespace holdfast::cuda
