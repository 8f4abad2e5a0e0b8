#include "cuda/grouped_product.cuh"

namespace holdfast::cuda {

void grouped_product(const GroupedProduct& call, Queue queue) {
  with_type(call.type, [&](auto type) {
    const GroupedProductKernel<decltype(type)> kernel{call};
    if (call.rows > 0) run(kernel, kernel.grid(), queue);
  });
}

}  // namespace holdfast::cuda
