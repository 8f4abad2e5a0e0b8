#include "device/frozen_base.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>

#include "base/error.h"
#include "cuda/nf4.h"
#include "device/kernels.h"

namespace holdfast::device {
namespace {

constexpr std::int64_t kPanelRows = 32;

void check_supported(const model::Decoder& decoder) {
  const checkpoint::ModelConfig& config = decoder.config();
  const auto refuse = [&](bool is_refused, const char* what) {
    HOLDFAST_CHECK(kBadInput, !is_refused, "[device] found a model of family '", config.family, "' with ", what,
                   ", expected one without: the step on a device does not know them; try --device cpu");
  };
  refuse(config.attention_soft_cap > 0 || config.logit_soft_cap > 0, "soft caps");
  refuse(config.activation == checkpoint::Activation::kClampedSwiglu, "a clamped activation");
  refuse(config.moe.has_biases || config.moe.ranks_logits, "experts that are chosen by biased logits");
  for (const model::DecoderLayer& layer : decoder.layers()) {
    refuse(layer.attention_post_norm.defined() || layer.mlp_post_norm.defined(), "norms behind its blocks");
    refuse(!layer.attention_norm.defined() || !layer.mlp_norm.defined(), "blocks without norms");
    refuse(layer.query_norm.defined(), "norms of queries and keys");
    refuse(layer.sinks.defined(), "attention sinks");
    for (const quant::Matrix& matrix : layer.projections)
      refuse(matrix.is_quantized() && matrix.nf4_weight().codes.numel() == 0, "layers that are read as they are used");
  }
}

at::Tensor table(const float* values, std::int64_t count, at::Device device) {
  return at::from_blob(const_cast<float*>(values), {count}, at::kFloat).clone().to(device);
}

class Copier {
 public:
  Copier(at::Device device, at::ScalarType compute)
      : device_(device),
        compute_(compute),
        nf4_levels_(table(quant::nf4_levels().data(), 16, device)),
        fp4_levels_(table(quant::fp4_levels().data(), 16, device)),
        map_(table(quant::dynamic_map().data(), 256, device)) {}

  at::Tensor dense(const quant::Matrix& matrix) const {
    at::Tensor scratch;
    return matrix.dense_into(scratch, compute_).to(device_);
  }
  at::Tensor floats(const at::Tensor& x) const { return x.to(at::kFloat).to(device_); }
  at::Tensor computed(const at::Tensor& x) const { return x.to(compute_).to(device_); }

  void add(JoinedMatrix& joined, Projection projection, std::int64_t expert, const quant::Matrix& matrix) const {
    if (matrix.is_empty()) return;
    joined.parts.push_back({projection, expert, joined.out, matrix.out_features()});
    joined.stored.push_back(stored(matrix));
    joined.out += matrix.out_features();
    joined.in = matrix.in_features();
  }
  void add_bias(JoinedMatrix& joined, const checkpoint::PerProjection<at::Tensor>& biases) const {
    std::vector<at::Tensor> parts;
    bool has_any = false;
    for (const Part& part : joined.parts) {
      const at::Tensor& bias = biases[part.projection];
      has_any |= bias.defined();
      parts.push_back(bias.defined() ? computed(bias) : at::zeros({part.rows}, at::dtype(compute_).device(device_)));
    }
    if (has_any) joined.bias = at::cat(parts);
  }

 private:
  StoredMatrix stored(const quant::Matrix& matrix) const {
    if (!matrix.is_quantized()) return {std::nullopt, {}, {}, dense(matrix)};
    quant::Nf4Weight weight = matrix.nf4_weight();
    weight.codes = codes_in_rows(weight).to(device_);
    weight.in_panels = false;
    for (at::Tensor* scales : {&weight.absmax_codes, &weight.nested_absmax, &weight.plain_absmax}) {
      if (scales->defined()) *scales = scales->to(device_);
    }
    const at::Tensor levels = weight.levels == &quant::fp4_levels() ? fp4_levels_ : nf4_levels_;
    return {std::move(weight), levels, map_, {}};
  }

  at::Device device_;
  at::ScalarType compute_;
  at::Tensor nf4_levels_, fp4_levels_, map_;
};

void widen(const StoredMatrix& stored, at::Tensor out) {
  if (!stored.nf4) {
    out.copy_(stored.dense, /*non_blocking=*/true);
    return;
  }
  const quant::Nf4Weight& weight = *stored.nf4;
  const bool is_plain = weight.plain_absmax.defined();
  cuda::nf4_dequantize(
      {weight.codes.const_data_ptr<std::uint8_t>(), is_plain ? weight.plain_absmax.const_data_ptr<float>() : nullptr,
       is_plain ? nullptr : weight.absmax_codes.const_data_ptr<std::uint8_t>(),
       is_plain ? nullptr : weight.nested_absmax.const_data_ptr<float>(), stored.map.const_data_ptr<float>(),
       stored.levels.const_data_ptr<float>(), weight.nested_offset, weight.size(), weight.block_size},
      number_of(out), out.data_ptr(), queue_of(out.device()));
}

}  // namespace

at::Tensor codes_in_rows(const quant::Nf4Weight& weight) {
  if (!weight.in_panels) return weight.codes;
  const std::int64_t in = weight.in_features, row_bytes = in / 2, panels = weight.out_features / kPanelRows;
  at::Tensor rows = weight.codes.clone();
  const std::uint8_t* from = weight.codes.const_data_ptr<std::uint8_t>();
  std::uint8_t* to = rows.data_ptr<std::uint8_t>();
  at::parallel_for(0, panels, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin * kPanelRows; row < end * kPanelRows; ++row) {
      const std::uint8_t* panel = from + row / kPanelRows * kPanelRows * row_bytes;
      const std::int64_t place = row % kPanelRows, byte = place % 16;
      const int shift = place < 16 ? 0 : 4;
      const auto code = [&](std::int64_t k) { return panel[k * 16 + byte] >> shift & 15; };
      for (std::int64_t j = 0; j < row_bytes; ++j)
        to[row * row_bytes + j] = static_cast<std::uint8_t>(code(2 * j) << 4 | code(2 * j + 1));
    }
  });
  return rows;
}

std::int64_t FrozenLayer::size() const {
  std::int64_t numbers = 0;
  for (const JoinedMatrix& joined : products) numbers += joined.out * joined.in;
  return numbers;
}

bool FrozenLayer::is_quantized() const {
  for (const JoinedMatrix& joined : products) {
    for (const StoredMatrix& stored : joined.stored) {
      if (stored.nf4) return true;
    }
  }
  return false;
}

FrozenBase copy_base(const model::Decoder& decoder, at::Device device, at::ScalarType compute) {
  check_supported(decoder);
  const Copier copier(device, compute);
  FrozenBase base;
  base.embedding = copier.dense(decoder.embedding());
  base.head = decoder.config().tie_word_embeddings ? base.embedding : copier.dense(decoder.head());
  base.final_norm = copier.floats(decoder.final_norm());
  for (const model::DecoderLayer& from : decoder.layers()) {
    FrozenLayer& layer = base.layers.emplace_back();
    layer.attention_norm = copier.floats(from.attention_norm);
    layer.mlp_norm = copier.floats(from.mlp_norm);
    if (from.moe.router.defined()) layer.router = copier.computed(from.moe.router);
    const auto join = [&](Product product, std::initializer_list<Projection> projections) {
      for (const Projection projection : projections)
        copier.add(layer.products[product], projection, -1, from[projection]);
      copier.add_bias(layer.products[product], from.biases);
      for (std::size_t e = 0; e < from.moe.experts.size(); ++e) {
        for (const Projection projection : projections)
          copier.add(layer.products[product], projection, static_cast<std::int64_t>(e),
                     from.moe.experts[e].projections[projection]);
      }
    };
    join(Product::kQueryKeyValue,
         {Projection::kQueryKeyValue, Projection::kQuery, Projection::kKey, Projection::kValue});
    join(Product::kOutput, {Projection::kOutput});
    join(Product::kGateUp, {Projection::kGateUp, Projection::kGate, Projection::kUp});
    join(Product::kDown, {Projection::kDown});
  }
  return base;
}

DenseLayer views_of(const FrozenLayer& layer, const at::Tensor& buffer) {
  DenseLayer views;
  std::int64_t offset = 0;
  for (std::size_t p = 0; p < kProducts; ++p) {
    const JoinedMatrix& joined = layer.products[p];
    views[p] = buffer.narrow(0, offset, joined.out * joined.in).view({joined.out, joined.in});
    offset += joined.out * joined.in;
  }
  return views;
}

void widen(const FrozenLayer& layer, const at::Tensor& buffer) {
  const DenseLayer views = views_of(layer, buffer);
  for (std::size_t p = 0; p < kProducts; ++p) {
    const JoinedMatrix& joined = layer.products[p];
    for (std::size_t i = 0; i < joined.parts.size(); ++i)
      widen(joined.stored[i], views[p].narrow(0, joined.parts[i].row, joined.parts[i].rows));
  }
}

}  // namespace holdfast::device
