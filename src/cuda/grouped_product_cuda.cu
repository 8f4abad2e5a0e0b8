#include "cuda/grouped_product.cuh"
#include "cuda/launch.cuh"

namespace holdfast::cuda {

template void launch(const GroupedProductKernel<float>&, Grid, void*);
template void launch(const GroupedProductKernel<Bf16>&, Grid, void*);

}  // namespace holdfast::cuda
