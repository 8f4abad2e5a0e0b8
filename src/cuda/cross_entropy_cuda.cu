#include "cuda/cross_entropy.cuh"
#include "cuda/launch.cuh"

namespace holdfast::cuda {

template void launch(const CrossEntropyKernel<float>&, Grid, void*);
template void launch(const CrossEntropyKernel<Bf16>&, Grid, void*);

}  // namespace holdfast::cuda
