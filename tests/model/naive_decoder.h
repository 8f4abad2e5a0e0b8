// The decoder once more, in operators that autograd differentiates: one sequence at a time, whole score matrices, one
// token and expert after the other.  The oracle of the hand-written passes; it shares only the loaded weights, the
// description and the rotary tables.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/_softmax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

#include "model/decoder.h"

namespace holdfast::testing {

// softmax(z) of scaled, capped, masked scores with a sink, times values.  q [s, h * k], k and v [s, g * k].
inline at::Tensor naive_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const model::AttentionShape& shape) {
  const std::int64_t s = q.size(0), width = shape.head_dim, group = shape.num_heads / shape.num_kv_heads;
  const double scale = shape.scale > 0 ? shape.scale : 1 / std::sqrt(static_cast<double>(width));
  at::Tensor may_see = at::ones({s, s}, q.options()).tril();
  if (shape.window > 0) may_see = may_see - at::ones({s, s}, q.options()).tril(-shape.window);
  std::vector<at::Tensor> heads;
  for (std::int64_t head = 0; head < shape.num_heads; ++head) {
    const std::int64_t kv = head / group;
    at::Tensor z = q.narrow(1, head * width, width).mm(k.narrow(1, kv * width, width).t()) * scale;
    if (shape.soft_cap > 0) z = (z / shape.soft_cap).tanh() * shape.soft_cap;
    z = z.masked_fill(may_see.eq(0), -std::numeric_limits<double>::infinity());
    if (shape.sinks.defined()) z = at::cat({z, shape.sinks[head].expand({s, 1})}, 1);
    heads.push_back(z.softmax(1).narrow(1, 0, s).mm(v.narrow(1, kv * width, width)));
  }
  return at::cat(heads, 1);
}

class NaiveDecoder {
 public:
  // `flat` takes the place of the adapter's parameters.
  NaiveDecoder(const model::Decoder& decoder, const model::Adapter& adapter, at::Tensor flat)
      : decoder_(decoder), config_(decoder.config()), adapter_(adapter), flat_(std::move(flat)) {}

  mutable std::vector<at::Tensor> routed;  // each router's softmax [s, e], in the order of calls

  // Logits [s, v] of one sequence.
  at::Tensor logits(const std::vector<std::int32_t>& ids) const {
    model::TokenBatch batch;
    batch.add(ids);
    const auto ropes = model::rope_tables(config_, batch, at::kDouble);
    at::Tensor embedding = whole(decoder_.embedding()), rows = at::zeros({batch.size()}, at::kLong);
    for (std::int64_t i = 0; i < batch.size(); ++i) rows[i] = batch.tokens[i];
    at::Tensor x = embedding.index_select(0, rows) * decoder_.embedding_scale();
    for (std::int64_t i = 0; i < config_.num_layers; ++i) {
      const auto& layer = decoder_.layers()[i];
      x = x + norm(attention(i, norm(x, layer.attention_norm), ropes), layer.attention_post_norm);
      x = x + norm(mlp(i, norm(x, layer.mlp_norm)), layer.mlp_post_norm);
    }
    at::Tensor z = norm(x, decoder_.final_norm()).mm(whole(decoder_.head()).t());
    const double cap = config_.logit_soft_cap;
    return cap > 0 ? (z / cap).tanh() * cap : z;
  }

 private:
  using Projection = model::Projection;

  static at::Tensor whole(const quant::Matrix& matrix) {
    at::Tensor scratch;
    return matrix.dense_into(scratch, at::kDouble).clone();
  }
  at::Tensor norm(const at::Tensor& x, const at::Tensor& w) const {
    return w.defined() ? w * x / (x.square().mean(-1, true) + config_.rms_norm_eps).sqrt() : x;
  }
  at::Tensor own(const at::Tensor& view) const {
    return flat_.narrow(0, view.storage_offset(), view.numel()).view(view.sizes());
  }
  at::Tensor linear(const at::Tensor& x, const quant::Matrix& matrix, const at::Tensor& bias,
                    const model::LoraPair& lora) const {
    at::Tensor y = x.mm(whole(matrix).t());
    if (bias.defined()) y = y + bias;
    return lora.is_present() ? y + lora.scale * x.mm(own(lora.a).t()).mm(own(lora.b).t()) : y;
  }
  at::Tensor linear(std::int64_t i, Projection p, const at::Tensor& x) const {
    const auto& layer = decoder_.layers()[i];
    return linear(x, layer[p], layer.biases[p], adapter_.pair(i, p));
  }
  at::Tensor turn(const at::Tensor& x, const model::RopeTable& table) const {  // [s, heads * k]
    std::vector<at::Tensor> heads;
    const std::int64_t half = table.cos.size(1);
    for (std::int64_t c = 0; c < x.size(1); c += config_.head_dim) {
      const at::Tensor a = x.narrow(1, c, half), b = x.narrow(1, c + half, half);
      heads.push_back(a * table.cos - b * table.sin);
      heads.push_back(b * table.cos + a * table.sin);
      heads.push_back(x.narrow(1, c + 2 * half, config_.head_dim - 2 * half));
    }
    return at::cat(heads, 1);
  }
  at::Tensor attention(std::int64_t i, const at::Tensor& h, const std::vector<model::RopeTable>& ropes) const {
    const auto& layer = decoder_.layers()[i];
    const std::int64_t wide = config_.num_heads * config_.head_dim, narrow = config_.num_kv_heads * config_.head_dim;
    at::Tensor q, k, v;
    if (layer[Projection::kQueryKeyValue].is_empty()) {
      q = linear(i, Projection::kQuery, h), k = linear(i, Projection::kKey, h), v = linear(i, Projection::kValue, h);
    } else {
      const at::Tensor all = linear(i, Projection::kQueryKeyValue, h);
      q = all.narrow(1, 0, wide), k = all.narrow(1, wide, narrow), v = all.narrow(1, wide + narrow, narrow);
    }
    const auto by_rows = [&](const at::Tensor& x, const at::Tensor& w) {
      return w.defined() ? norm(x.reshape({x.size(0), -1, w.size(0)}), w).reshape(x.sizes()) : x;
    };
    q = by_rows(q, layer.query_norm), k = by_rows(k, layer.key_norm);
    if (const int rope = config_.layer(i).rope; rope >= 0) q = turn(q, ropes[rope]), k = turn(k, ropes[rope]);
    const model::AttentionShape shape{
        config_.num_heads,       config_.num_kv_heads,       config_.head_dim, config_.attention_scale,
        config_.layer(i).window, config_.attention_soft_cap, layer.sinks};
    return linear(i, Projection::kOutput, naive_attention(q, k, v, shape));
  }
  at::Tensor gate_with(const at::Tensor& gate, const at::Tensor& up) const {
    switch (config_.activation) {
      case checkpoint::Activation::kSilu:
        return gate * gate.sigmoid() * up;
      case checkpoint::Activation::kGeluTanh:
        return 0.5 * gate * (1 + (std::sqrt(2 / M_PI) * (gate + 0.044715 * gate.pow(3))).tanh()) * up;
      case checkpoint::Activation::kClampedSwiglu:
        break;
    }
    const double limit = config_.moe.swiglu_limit;
    const at::Tensor g = gate.clamp_max(limit), u = up.clamp(-limit, limit);
    return (u + 1) * g * (config_.moe.swiglu_alpha * g).sigmoid();
  }
  at::Tensor mlp(std::int64_t i, const at::Tensor& h) const {
    const auto& layer = decoder_.layers()[i];
    if (!layer.moe.experts.empty()) return experts(i, h);
    const std::int64_t f = config_.intermediate_size;
    if (layer[Projection::kGateUp].is_empty())
      return linear(i, Projection::kDown, gate_with(linear(i, Projection::kGate, h), linear(i, Projection::kUp, h)));
    const at::Tensor both = linear(i, Projection::kGateUp, h);
    return linear(i, Projection::kDown, gate_with(both.narrow(1, 0, f), both.narrow(1, f, f)));
  }
  at::Tensor experts(std::int64_t i, const at::Tensor& h) const {
    const auto& moe = decoder_.layers()[i].moe;
    at::Tensor z = h.mm(moe.router.t());
    if (moe.router_bias.defined()) z = z + moe.router_bias;
    const at::Tensor p = z.softmax(1);
    routed.push_back(p);
    std::vector<at::Tensor> rows;
    for (std::int64_t t = 0; t < h.size(0); ++t) {
      auto [weights, chosen] = at::topk(p[t], config_.moe.top_k);
      if (config_.moe.normalizes_top_k) weights = weights / weights.sum();
      at::Tensor m = at::zeros({1, h.size(1)}, h.options());
      for (std::int64_t j = 0; j < config_.moe.top_k; ++j) {
        const auto e = chosen[j].item<std::int64_t>();
        const auto apply = [&](Projection projection, const at::Tensor& x) {
          return linear(x, moe.experts[e].projections[projection], moe.experts[e].biases[projection],
                        adapter_.pair(i, projection, e));
        };
        const at::Tensor x = h.narrow(0, t, 1);
        m = m +
            weights[j] * apply(Projection::kDown, gate_with(apply(Projection::kGate, x), apply(Projection::kUp, x)));
      }
      rows.push_back(m);
    }
    return at::cat(rows, 0);
  }

  const model::Decoder& decoder_;
  const checkpoint::ModelConfig& config_;
  const model::Adapter& adapter_;
  at::Tensor flat_;
};

}  // namespace holdfast::testing
