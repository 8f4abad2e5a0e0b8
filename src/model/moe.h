// A mixture of experts: each token goes to the top_k experts that its router rates highest.
//
//   z = W_r h (+ b_r)         p = softmax(z)         w = p[chosen], divided by its sum where the family says so
//   m = sum over chosen e of  w_e (W_down,e act(W_gate,e h, W_up,e h) (+ biases))
// The pairs (token, expert) are sorted by expert once a layer, so that each expert makes one product over its tokens.
//
// Shapes    h, m [t, d]; n = t * top_k pairs; e experts.  Float or double; the router's softmax in the same.
// Backward  with dw_i = dm . y_i of pair i, the router's share of dh is W_r^T dz:
//             normalised      dz_chosen = w (dw - sum(w dw)), as of a softmax over the chosen alone
//             not normalised  dz = p (dp - sum(p dp)), dp = dw for the chosen, 0 else
//           Routers are frozen, their choice is a constant.  model/router_loss.h adds its own dp.
// Ties      the experts that at::topk picks among the numbers that transformers gives it: the probabilities, or the
//           logits where MoeConfig::ranks_logits.
// Source    Shazeer et al., arXiv:1701.06538; Jiang et al., Mixtral, arXiv:2401.04088.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "checkpoint/model_config.h"
#include "model/adapter_rows.h"
#include "model/lora_linear.h"
#include "quant/matrix.h"

namespace holdfast::model {

struct Expert {
  checkpoint::PerProjection<quant::Matrix> projections;  // kGate, kUp, kDown
  checkpoint::PerProjection<at::Tensor> biases;
};

struct MoeWeights {
  at::Tensor router, router_bias;  // [e, d], [e]; never quantised
  std::vector<Expert> experts;     // empty: the layer is dense
};

struct Routing {
  at::Tensor probabilities;          // [t, e]
  at::Tensor chosen, weights;        // [t, top_k]
  at::Tensor pairs, tokens;          // [n] pairs (token * top_k + place) sorted by expert, and their tokens
  std::vector<std::int64_t> starts;  // [e + 1] expert i owns sorted pairs starts[i] .. starts[i + 1]
};

struct MoeActivations {
  Routing routing;
  at::Tensor gate, up, out;   // [n, f], [n, f], [n, d] in the sorted order; `out` before the weights
  at::Tensor dprobabilities;  // [e] a gradient that each row's probabilities have besides; undefined: none
};

at::Tensor moe_forward(const checkpoint::ModelConfig& config, const MoeWeights& moe, std::int64_t layer,
                       const at::Tensor& h, const AdapterRows& adapters, MoeActivations* keep);

// Adds to the adapters' gradients and returns dh.
at::Tensor moe_backward(const checkpoint::ModelConfig& config, const MoeWeights& moe, std::int64_t layer,
                        const at::Tensor& dm, const at::Tensor& h, const MoeActivations& kept,
                        const AdapterRows& adapters);

}  // namespace holdfast::model
