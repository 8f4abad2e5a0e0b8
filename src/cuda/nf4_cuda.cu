#include "cuda/launch.cuh"
#include "cuda/nf4.cuh"

namespace holdfast::cuda {

template void launch(const Nf4DequantizeKernel<float>&, Grid, void*);
template void launch(const Nf4DequantizeKernel<Bf16>&, Grid, void*);
template void launch(const Nf4QuantizeKernel<float>&, Grid, void*);
template void launch(const Nf4QuantizeKernel<Bf16>&, Grid, void*);
template void launch(const Nf4QuantizeScalesKernel&, Grid, void*);

}  // namespace holdfast::cuda
