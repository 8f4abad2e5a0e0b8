#include "cuda/launch.cuh"
#include "cuda/rotary.cuh"

namespace holdfast::cuda {

template void launch(const RotaryKernel<float>&, Grid, void*);
template void launch(const RotaryKernel<Bf16>&, Grid, void*);

}  // namespace holdfast::cuda
