#include "cuda/gated.cuh"
#include "cuda/launch.cuh"

namespace holdfast::cuda {

template void launch(const GatedForwardKernel<float>&, Grid, void*);
template void launch(const GatedForwardKernel<Bf16>&, Grid, void*);
template void launch(const GatedBackwardKernel<float>&, Grid, void*);
template void launch(const GatedBackwardKernel<Bf16>&, Grid, void*);

}  // namespace holdfast::cuda
