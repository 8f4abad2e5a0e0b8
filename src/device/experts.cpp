#include "device/experts.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_softmax.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/floor_divide.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.h"
#include "device/kernels.h"

namespace holdfast::device {
namespace {

ExpertRows rows_of(const Routed& routed) {
  return {routed.starts.const_data_ptr<std::int64_t>(), routed.starts.size(0) - 1};
}

// What stands in the sorted order, back in the tokens' order and summed over each token's experts: [n, d] -> [t, d].
at::Tensor gather_tokens(const at::Tensor& sorted, const Routed& routed) {
  at::Tensor rows = at::empty_like(sorted);
  rows.index_copy_(0, routed.pairs, sorted);
  return rows.view({-1, routed.chosen.size(1), sorted.size(1)}).sum(1);
}

Routed route(const checkpoint::MoeConfig& config, const at::Tensor& router, const at::Tensor& h) {
  Routed routed;
  routed.probabilities = at::_softmax(at::mm(h, router.t()).to(at::kFloat), 1, false);  // [t, e]
  std::tie(routed.weights, routed.chosen) = at::topk(routed.probabilities, config.top_k);
  if (config.normalizes_top_k) routed.weights = routed.weights / routed.weights.sum(1, true);
  const at::Tensor experts = routed.chosen.reshape({-1});  // [n]
  routed.pairs = at::argsort(experts, /*stable=*/true, 0, false);
  routed.tokens = at::floor_divide(routed.pairs, config.top_k);
  routed.starts =
      at::searchsorted(experts.index_select(0, routed.pairs), at::arange(config.num_experts + 1, experts.options()));
  return routed;
}

}  // namespace

const void* const* Experts::addresses(const std::vector<const void*>& matrices) {
  at::Tensor& list = lists_[matrices];
  if (!list.defined()) {
    list = at::empty({static_cast<std::int64_t>(matrices.size())}, at::kLong);
    for (std::size_t i = 0; i < matrices.size(); ++i)
      list.data_ptr<std::int64_t>()[i] = reinterpret_cast<std::int64_t>(matrices[i]);
    list = list.to(device_);
  }
  return reinterpret_cast<const void* const*>(list.data_ptr());
}

struct Experts::Lora {
  std::vector<const void*> a, b;  // one an expert; empty: none
  std::int64_t rank = 0;
  double scale = 0;
};

Experts::Lora Experts::lora_of(std::int64_t index, const model::Adapter& adapter, Projection projection) {
  Lora lora;
  std::int64_t present = 0;
  for (std::int64_t e = 0; e < config_.moe.num_experts; ++e) {
    const model::LoraPair& pair = adapter.pair(index, projection, e);
    if (!pair.is_present()) continue;
    if (present++ == 0) lora.rank = pair.a.size(0), lora.scale = pair.scale;
    HOLDFAST_CHECK(kBadInput, pair.a.size(0) == lora.rank && pair.scale == lora.scale,
                   "[device] found experts of layer ", index,
                   " with adapters of different rank or scale, expected one "
                   "for all; try --device cpu");
    lora.a.push_back(pair.a.const_data_ptr());
    lora.b.push_back(pair.b.const_data_ptr());
  }
  HOLDFAST_CHECK(kBadInput, present == 0 || present == config_.moe.num_experts, "[device] found an adapter for ",
                 present, " of the ", config_.moe.num_experts, " experts of layer ", index,
                 ", expected all or none; try --device cpu");
  return lora;
}

std::vector<const void*> Experts::rows_of(const JoinedMatrix& joined, const at::Tensor& dense,
                                          std::int64_t experts) const {
  std::vector<const void*> matrices;
  const std::int64_t rows = joined.out / experts;
  for (std::int64_t e = 0; e < experts; ++e) matrices.push_back(dense.narrow(0, e * rows, rows).const_data_ptr());
  return matrices;
}

at::Tensor Experts::forward(std::int64_t index, const FrozenLayer& layer, const DenseLayer& dense, const at::Tensor& h,
                            const model::Adapter& adapter, Routed& routed) {
  routed = route(config_.moe, layer.router, h);
  const ExpertRows rows = device::rows_of(routed);
  const auto project = [&](Product which, const at::Tensor& x) {
    const JoinedMatrix& joined = layer.products[which];
    at::Tensor y = at::empty({x.size(0), joined.out / rows.experts}, x.options());
    multiply_experts(rows, x, addresses(rows_of(joined, dense[which], rows.experts)), y);
    for (const Part& part : joined.parts) {
      if (part.expert != 0) continue;  // the other experts' parts stand as the first one's
      const Lora lora = lora_of(index, adapter, part.projection);
      if (lora.a.empty()) continue;
      at::Tensor s = at::empty({x.size(0), lora.rank}, x.options());
      multiply_experts(rows, x, addresses(lora.a), s);
      multiply_experts(rows, s, addresses(lora.b), y.narrow(1, part.row, part.rows), lora.scale, /*adds=*/true);
    }
    return y;
  };
  routed.gate_up = project(Product::kGateUp, h.index_select(0, routed.tokens));              // [n, 2 f]
  routed.out = project(Product::kDown, gated(config_.activation, routed.gate_up));           // [n, d]
  const at::Tensor weights = routed.weights.reshape({-1, 1}).index_select(0, routed.pairs);  // [n, 1]
  return gather_tokens(routed.out * weights.to(h.scalar_type()), routed);
}

at::Tensor Experts::backward(std::int64_t index, const FrozenLayer& layer, const DenseLayer& dense,
                             const at::Tensor& dm, const at::Tensor& h, const Routed& routed,
                             const model::Adapter& adapter, model::Adapter& gradient) {
  const ExpertRows rows = device::rows_of(routed);
  const auto through = [&](Product which, const at::Tensor& dy) {
    const JoinedMatrix& joined = layer.products[which];
    at::Tensor dx = at::empty({dy.size(0), joined.in}, dy.options());
    multiply_experts_back(rows, dy, addresses(rows_of(joined, dense[which], rows.experts)), dx);
    for (const Part& part : joined.parts) {
      if (part.expert != 0) continue;
      const Lora lora = lora_of(index, adapter, part.projection);
      if (lora.a.empty()) continue;
      at::Tensor ds = at::empty({dy.size(0), lora.rank}, dy.options());
      multiply_experts_back(rows, dy.narrow(1, part.row, part.rows), addresses(lora.b), ds);
      multiply_experts_back(rows, ds, addresses(lora.a), dx, lora.scale, /*adds=*/true);
    }
    return dx;
  };
  const auto add_gradient = [&](Product which, const at::Tensor& dy, const at::Tensor& x) {
    for (const Part& part : layer.products[which].parts) {
      if (part.expert != 0) continue;
      const Lora lora = lora_of(index, adapter, part.projection);
      if (lora.a.empty()) continue;
      const Lora to = lora_of(index, gradient, part.projection);
      const at::Tensor own = dy.narrow(1, part.row, part.rows);
      at::Tensor s = at::empty({x.size(0), lora.rank}, x.options()), ds = at::empty_like(s);
      multiply_experts(rows, x, addresses(lora.a), s);
      multiply_experts_back(rows, own, addresses(lora.b), ds);
      const auto list = [&](const std::vector<const void*>& matrices) {
        return const_cast<float* const*>(reinterpret_cast<const float* const*>(addresses(matrices)));
      };
      add_expert_gradients(rows, own, s, list(to.b), lora.scale);
      add_expert_gradients(rows, ds, x, list(to.a), lora.scale);
    }
  };
  const at::Tensor dpairs = dm.index_select(0, routed.tokens);                               // [n, d]
  const at::Tensor weights = routed.weights.reshape({-1, 1}).index_select(0, routed.pairs);  // [n, 1]
  const at::Tensor dout = dpairs * weights.to(dm.scalar_type());
  at::Tensor a = through(Product::kDown, dout);
  const at::Tensor dgate_up = gated_backward(config_.activation, a, routed.gate_up);  // a is now the activation
  add_gradient(Product::kDown, dout, a);
  add_gradient(Product::kGateUp, dgate_up, h.index_select(0, routed.tokens));
  at::Tensor dh = gather_tokens(through(Product::kGateUp, dgate_up), routed);
  // The router: what each weight would have wanted, back in the tokens' order.
  const at::Tensor sorted = (dpairs * routed.out).sum(1, false, at::kFloat);  // [n]
  at::Tensor dw = at::empty_like(sorted).index_copy_(0, routed.pairs, sorted).view(routed.weights.sizes());
  const at::Tensor &p = routed.probabilities, &w = routed.weights;
  at::Tensor dz = at::zeros_like(p);
  if (config_.moe.normalizes_top_k) {
    dz.scatter_(1, routed.chosen, w * (dw - (w * dw).sum(1, true)));
  } else {
    dz.scatter_(1, routed.chosen, dw);
    dz = p * (dz - (p * dz).sum(1, true));
  }
  return dh.addmm_(dz.to(dh.scalar_type()), layer.router);
}

}  // namespace holdfast::device
