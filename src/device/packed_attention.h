// Causal attention over a packed batch, on any device, from the joined rows of query, key and value.
//
// Shapes    qkv and its gradient [t, (h + 2g) k]: h query heads, g key heads, g value heads; out [t, h k].
// Device    ATen's flash attention for variable lengths: one call for the whole pack.  Processor: its flash attention
//           for processors, a call a sequence.  Both sum in float.
// Window    a token sees itself and the window - 1 before it; a pack without longer sequences is attended without.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/attention.h"
#include "model/token_batch.h"

namespace holdfast::device {

// The sequences' boundaries, where the device can read them.
struct Boundaries {
  std::vector<std::int64_t> starts;  // [n + 1]
  at::Tensor on_device;              // int32 [n + 1]
  std::int64_t longest = 0;
};
Boundaries boundaries_of(const model::TokenBatch& batch, at::Device device);

struct Attended {
  at::Tensor out;
  std::vector<at::Tensor> rest;  // what the backward pass needs: log-sum-exp of each sequence, or of the pack
};
Attended attend(const at::Tensor& qkv, const Boundaries& boundaries, const model::AttentionShape& shape);
at::Tensor attend_backward(const at::Tensor& dout, const at::Tensor& qkv, const Attended& forward,
                           const Boundaries& boundaries, const model::AttentionShape& shape);

// Throws Error(kBadInput) for heads that ATen's kernel for devices does not take, and for a pack for which its backward
// pass would count beyond 2^31.
void check_pack(const Boundaries& boundaries, const model::AttentionShape& shape);

}  // namespace holdfast::device
