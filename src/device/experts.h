// The experts of a layer on a device: what model/moe.h does, with one launch for all experts' products and without
// waiting for the router's choice.
//
// The pairs (token, expert) are sorted by expert; where each expert's rows begin stays on the device, where the grouped
// products read it (cuda/grouped_product.h).  A rank-r adapter's A_e and B_e take part as matrices of their own.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>

#include "device/frozen_base.h"
#include "model/adapter.h"

namespace holdfast::device {

// What the backward pass needs.  n = t * top_k pairs, sorted by expert.
struct Routed {
  at::Tensor probabilities;    // float [t, e]
  at::Tensor chosen, weights;  // int64, float [t, top_k]
  at::Tensor pairs, tokens;    // int64 [n]: token * top_k + place, and the token
  at::Tensor starts;           // int64 [e + 1]
  at::Tensor gate_up, out;     // [n, 2 f], [n, d], `out` before the weights
};

class Experts {
 public:
  Experts(const checkpoint::ModelConfig& config, at::Device device) : config_(config), device_(device) {}

  // h [t, d] -> m [t, d].  `adapter` in h's type.  Throws Error(kBadInput) for an adapter whose experts differ in rank,
  // scale, or in having a pair at all.
  at::Tensor forward(std::int64_t index, const FrozenLayer& layer, const DenseLayer& dense, const at::Tensor& h,
                     const model::Adapter& adapter, Routed& routed);
  // Adds to the gradient (float) and returns dh.
  at::Tensor backward(std::int64_t index, const FrozenLayer& layer, const DenseLayer& dense, const at::Tensor& dm,
                      const at::Tensor& h, const Routed& routed, const model::Adapter& adapter,
                      model::Adapter& gradient);

 private:
  // Addresses of the experts' matrices, where the device can read them: made once for each place in memory, since a
  // copy to the device would make the processor wait.
  const void* const* addresses(const std::vector<const void*>& matrices);
  struct Lora;
  Lora lora_of(std::int64_t index, const model::Adapter& adapter, Projection projection);
  std::vector<const void*> rows_of(const JoinedMatrix& joined, const at::Tensor& dense, std::int64_t experts) const;

  checkpoint::ModelConfig config_;
  at::Device device_;
  std::map<std::vector<const void*>, at::Tensor> lists_;
};

}  // namespace holdfast::device
