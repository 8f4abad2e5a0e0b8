#include "cuda/paged_attention.cuh"

namespace holdfast::cuda {

void paged_attention(const PagedAttention& call, Queue queue) {
  HOLDFAST_ASSERT(call.num_heads % call.num_kv_heads == 0 && call.head_dim <= kMostHeadDim && call.splits > 0);
  HOLDFAST_ASSERT(call.num_heads / call.num_kv_heads <= kMostGroupedHeads);
  with_type(call.type, [&](auto type) {
    const PagedAttentionKernel<decltype(type)> parts{call};
    const PagedMergeKernel<decltype(type)> merge{call};
    run(parts, parts.grid(), queue);
    run(merge, merge.grid(), queue);
  });
}

}  // namespace holdfast::cuda
