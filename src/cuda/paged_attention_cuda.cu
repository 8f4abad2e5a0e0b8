#include "cuda/launch.cuh"
#include "cuda/paged_attention.cuh"

namespace holdfast::cuda {

template void launch(const PagedAttentionKernel<float>&, Grid, void*);
template void launch(const PagedAttentionKernel<Bf16>&, Grid, void*);
template void launch(const PagedMergeKernel<float>&, Grid, void*);
template void launch(const PagedMergeKernel<Bf16>&, Grid, void*);

}  // namespace holdfast::cuda
