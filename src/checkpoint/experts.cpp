#include "checkpoint/experts.h"

#include <ATen/ops/empty.h>

#include <cmath>

#include "base/error.h"

namespace holdfast::checkpoint {
namespace {

bool is_stacked(const ModelConfig& config, const LinearModule& module) {
  return module.expert >= 0 && config.moe.storage != ExpertStorage::kSeparate;
}

// "model.layers.3.mlp.experts.gate_up_proj"
std::string stack_name(const ModelConfig& config, const LinearModule& module) {
  return "model.layers." + std::to_string(module.layer) + "." + config.names.experts +
         (module.projection == Projection::kDown ? ".down_proj" : ".gate_up_proj");
}

// Of an interleaved pair the half that belongs to the projection; all else whole.
at::Tensor part_of(const at::Tensor& x, Projection projection, std::int64_t dimension) {
  if (projection == Projection::kDown) return x;
  return x.slice(dimension, projection == Projection::kGate ? 0 : 1, std::nullopt, 2);
}

}  // namespace

std::vector<StoredTensor> stacked_expert_tensors(const ModelConfig& c) {
  const std::int64_t e = c.moe.num_experts, d = c.hidden_size, f = c.moe.intermediate_size;
  const std::string gate_up = c.names.experts + ".gate_up_proj", down = c.names.experts + ".down_proj";
  switch (c.moe.storage) {
    case ExpertStorage::kSeparate:
      return {};
    case ExpertStorage::kStacked:
      return {{gate_up, {e, d, 2 * f}}, {down, {e, f, d}}, {gate_up + "_bias", {e, 2 * f}}, {down + "_bias", {e, d}}};
    case ExpertStorage::kMxfp4:
      return {{gate_up + "_blocks", {e, 2 * f, d / 32, 16}},
              {gate_up + "_scales", {e, 2 * f, d / 32}},
              {down + "_blocks", {e, d, f / 32, 16}},
              {down + "_scales", {e, d, f / 32}},
              {gate_up + "_bias", {e, 2 * f}},
              {down + "_bias", {e, d}}};
  }
  HOLDFAST_ASSERT(false);
}

bool holds_mxfp4_bytes(const std::string& name) {
  return name.ends_with("_proj_blocks") || name.ends_with("_proj_scales");
}

at::Tensor module_weight(const ModelConfig& config, const Weights& weights, const LinearModule& module) {
  if (!is_stacked(config, module)) return weights.tensor(module.path + ".weight");
  const std::string name = stack_name(config, module);
  if (config.moe.storage == ExpertStorage::kStacked)
    return part_of(weights.tensor(name).select(0, module.expert), module.projection, 1).t().contiguous();
  const auto part = [&](const char* suffix) {
    return part_of(weights.tensor(name + suffix).select(0, module.expert), module.projection, 0).contiguous();
  };
  return dequantize_mxfp4(part("_blocks"), part("_scales"));
}

at::Tensor module_bias(const ModelConfig& config, const Weights& weights, const LinearModule& module) {
  if (!is_stacked(config, module)) return weights.tensor(module.path + ".bias");
  return part_of(weights.tensor(stack_name(config, module) + "_bias").select(0, module.expert), module.projection, 0);
}

at::Tensor dequantize_mxfp4(const at::Tensor& blocks, const at::Tensor& scales) {
  static constexpr float kLevels[16] = {0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0F, -0.5, -1, -1.5, -2, -3, -4, -6};
  HOLDFAST_ASSERT(blocks.is_contiguous() && scales.is_contiguous() && blocks.size(2) == 16);
  at::Tensor out = at::empty({blocks.size(0), blocks.size(1) * 32}, at::kFloat);
  const std::uint8_t* bytes = blocks.const_data_ptr<std::uint8_t>();
  const std::uint8_t* scale = scales.const_data_ptr<std::uint8_t>();
  float* values = out.data_ptr<float>();
  for (std::int64_t block = 0; block < scales.numel(); ++block) {
    const float factor = std::ldexp(1.0F, static_cast<int>(scale[block]) - 127);
    for (int i = 0; i < 16; ++i) {
      const std::uint8_t byte = bytes[block * 16 + i];
      *values++ = kLevels[byte & 15] * factor;
      *values++ = kLevels[byte >> 4] * factor;
    }
  }
  return out;
}

}  // namespace holdfast::checkpoint
