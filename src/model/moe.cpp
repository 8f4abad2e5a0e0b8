#include "model/moe.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_softmax.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/scatter.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.h"
#include "model/activation.h"

namespace holdfast::model {
namespace {

Routing route(const checkpoint::MoeConfig& config, const MoeWeights& moe, const at::Tensor& h) {
  at::Tensor z = quant::multiply(h, moe.router);  // [t, e]
  if (moe.router_bias.defined()) z.add_(moe.router_bias);
  Routing routing;
  routing.probabilities = at::_softmax(z, 1, false);
  std::tie(routing.weights, routing.chosen) = at::topk(config.ranks_logits ? z : routing.probabilities, config.top_k);
  if (config.ranks_logits) {
    routing.weights = at::_softmax(routing.weights, 1, false);
  } else if (config.normalizes_top_k) {
    routing.weights = routing.weights / routing.weights.sum(1, true);
  }
  const at::Tensor experts = routing.chosen.reshape({-1});  // [n]
  routing.pairs = at::argsort(experts, /*stable=*/true, 0, false);
  routing.tokens = routing.pairs.div(config.top_k, "floor");
  const at::Tensor counts = at::bincount(experts, {}, config.num_experts);
  routing.starts = {0};
  for (std::int64_t e = 0; e < config.num_experts; ++e)
    routing.starts.push_back(routing.starts.back() + counts.const_data_ptr<std::int64_t>()[e]);
  return routing;
}

// The tokens of expert e, in rising order: the sort is stable.
std::span<const std::int64_t> tokens_of(const Routing& routing, std::size_t e) {
  return {routing.tokens.const_data_ptr<std::int64_t>() + routing.starts[e],
          static_cast<std::size_t>(routing.starts[e + 1] - routing.starts[e])};
}

at::Tensor expert_linear(const Expert& expert, Projection projection, const at::Tensor& x, const LoraRows& lora) {
  at::Tensor y = lora_linear(x, expert.projections[projection], lora);
  if (expert.biases[projection].defined()) y.add_(expert.biases[projection]);
  return y;
}

}  // namespace

at::Tensor moe_forward(const checkpoint::ModelConfig& config, const MoeWeights& moe, std::int64_t layer,
                       const at::Tensor& h, const AdapterRows& adapters, MoeActivations* keep) {
  const Routing routing = route(config.moe, moe, h);
  const std::int64_t n = routing.pairs.size(0);
  const at::Tensor inputs = h.index_select(0, routing.tokens);                                           // [n, d]
  const at::Tensor weights = routing.weights.reshape({-1}).index_select(0, routing.pairs).unsqueeze(1);  // [n, 1]
  if (keep != nullptr) {
    keep->gate = at::empty({n, config.moe.intermediate_size}, h.options());
    keep->up = at::empty_like(keep->gate);
    keep->out = at::empty({n, h.size(1)}, h.options());
  }
  at::Tensor m = at::zeros_like(h);
  for (std::size_t e = 0; e < moe.experts.size(); ++e) {
    const std::int64_t begin = routing.starts[e], count = routing.starts[e + 1] - begin;
    if (count == 0) continue;
    const AdapterRows own = gathered(adapters, tokens_of(routing, e));
    const auto project = [&](Projection projection, const at::Tensor& x) {
      return expert_linear(moe.experts[e], projection, x,
                           lora_rows(own, layer, projection, static_cast<std::int64_t>(e)));
    };
    const at::Tensor x = inputs.narrow(0, begin, count);
    const at::Tensor gate = project(Projection::kGate, x), up = project(Projection::kUp, x);
    const at::Tensor out = project(Projection::kDown, gated(config, gate, up));
    if (keep != nullptr) {
      keep->gate.narrow(0, begin, count).copy_(gate);
      keep->up.narrow(0, begin, count).copy_(up);
      keep->out.narrow(0, begin, count).copy_(out);
    }
    m.index_add_(0, routing.tokens.narrow(0, begin, count), out.mul(weights.narrow(0, begin, count)));
  }
  if (keep != nullptr) keep->routing = routing;
  return m;
}

at::Tensor moe_backward(const checkpoint::ModelConfig& config, const MoeWeights& moe, std::int64_t layer,
                        const at::Tensor& dm, const at::Tensor& h, const MoeActivations& kept,
                        const AdapterRows& adapters) {
  const Routing& routing = kept.routing;
  const at::Tensor inputs = h.index_select(0, routing.tokens), dpairs = dm.index_select(0, routing.tokens);  // [n, d]
  const at::Tensor weights = routing.weights.reshape({-1}).index_select(0, routing.pairs).unsqueeze(1);      // [n, 1]
  const at::Tensor douts = dpairs * weights;
  at::Tensor dh = at::zeros_like(h);
  for (std::size_t e = 0; e < moe.experts.size(); ++e) {
    const std::int64_t begin = routing.starts[e], count = routing.starts[e + 1] - begin;
    if (count == 0) continue;
    const auto own = [&](const at::Tensor& x) { return x.narrow(0, begin, count); };
    const AdapterRows rows = gathered(adapters, tokens_of(routing, e));
    const auto back = [&](Projection projection, const at::Tensor& dy, const at::Tensor& x) {
      return lora_linear_backward(dy, x, moe.experts[e].projections[projection],
                                  lora_rows(rows, layer, projection, static_cast<std::int64_t>(e)), true);
    };
    const at::Tensor a = gated(config, own(kept.gate), own(kept.up));
    const SwigluGradient inner =
        gated_backward(config, back(Projection::kDown, own(douts), a), own(kept.gate), own(kept.up));
    at::Tensor dx = back(Projection::kGate, inner.gate, own(inputs));
    dx.add_(back(Projection::kUp, inner.up, own(inputs)));
    dh.index_add_(0, own(routing.tokens), dx);
  }
  // The router: what each weight would have wanted, sorted back to [t, top_k].
  const at::Tensor sorted = (dpairs * kept.out).sum(1);  // [n]
  at::Tensor dw = at::empty_like(sorted).scatter_(0, routing.pairs, sorted).view(routing.weights.sizes());
  const at::Tensor& p = routing.probabilities;
  const auto through_softmax = [&](const at::Tensor& dp) { return p * (dp - (p * dp).sum(1, true)); };
  at::Tensor dz;
  if (config.moe.normalizes_top_k) {
    const at::Tensor& w = routing.weights;
    const at::Tensor dchosen = w * (dw - (w * dw).sum(1, true));
    dz = at::zeros({h.size(0), config.moe.num_experts}, h.options()).scatter_(1, routing.chosen, dchosen);
  } else {
    dz = through_softmax(at::zeros_like(p).scatter_(1, routing.chosen, dw));
  }
  if (kept.dprobabilities.defined()) dz.add_(through_softmax(kept.dprobabilities));
  return dh.addmm_(dz, moe.router);
}

}  // namespace holdfast::model
