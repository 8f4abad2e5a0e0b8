#include "cuda/launch.cuh"
#include "cuda/rms_norm.cuh"

namespace holdfast::cuda {

template void launch(const RmsNormForwardKernel<float>&, Grid, void*);
template void launch(const RmsNormForwardKernel<Bf16>&, Grid, void*);
template void launch(const RmsNormBackwardKernel<float>&, Grid, void*);
template void launch(const RmsNormBackwardKernel<Bf16>&, Grid, void*);

}  // namespace holdfast::cuda
