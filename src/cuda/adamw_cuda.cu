#include "cuda/adamw.cuh"
#include "cuda/launch.cuh"

namespace holdfast::cuda {

template void launch(const AdamWKernel&, Grid, void*);

}  // namespace holdfast::cuda
