#include "model/router_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

namespace holdfast::model {

double router_loss(const checkpoint::ModelConfig& config, Activations& kept, double scale) {
  const std::int64_t e = config.moe.num_experts;
  std::int64_t rows = 0;
  at::Tensor chosen = at::zeros({e}, at::kDouble), probabilities = chosen.clone();  // sums over all rows
  for (const LayerActivations& layer : kept.layers) {
    const Routing& routing = layer.moe.routing;
    if (!routing.probabilities.defined()) continue;
    rows += routing.probabilities.size(0);
    chosen.add_(at::bincount(routing.chosen.reshape({-1}), {}, e));
    probabilities.add_(routing.probabilities.sum(0, false, at::kDouble));
  }
  if (rows == 0) return 0;
  const double per_row = 1 / static_cast<double>(rows);
  if (scale != 0) {
    const at::Tensor slope = chosen * (scale * static_cast<double>(e) * per_row * per_row);
    for (LayerActivations& layer : kept.layers) {
      const at::Tensor& p = layer.moe.routing.probabilities;
      if (p.defined()) layer.moe.dprobabilities = slope.to(p.scalar_type());
    }
  }
  return static_cast<double>(e) * per_row * per_row * (chosen * probabilities).sum().item<double>();
}

}  // namespace holdfast::model
