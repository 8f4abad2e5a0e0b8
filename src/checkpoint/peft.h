// LoRA adapters in PEFT's format: adapter_config.json and adapter_model.safetensors.
//
// Keys  base_model.model.<module path>.lora_A.weight [r, in] and .lora_B.weight [out, r]
// Scale alpha / r, or alpha / sqrt(r) with use_rslora; rank_pattern and alpha_pattern override both by module.
// What cannot be run exactly (DoRA, trained biases, whole modules, ...) is refused by its name.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::checkpoint {

struct AdapterConfig {
  std::int64_t rank = 8;
  double alpha = 16;
  bool use_rslora = false;
  // Module names ("q_proj"), or one regular expression, or "all-linear" (every linear layer but the head).
  std::vector<std::string> target_modules = {"all-linear"};
  bool target_is_pattern = false;
  std::vector<std::string> target_parameters;  // fused experts; model/fused_experts.h takes them apart
  // Regular expressions of module names, in the file's order: the first that matches counts.
  std::vector<std::pair<std::string, std::int64_t>> rank_pattern;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::string base_model;

  bool targets(const std::string& module) const;  // module: a full path, "model.layers.0.self_attn.q_proj"
  std::int64_t rank_of(const std::string& module) const;
  double scale_of(const std::string& module) const;
};

struct LoraWeights {
  at::Tensor a, b;  // float [r, in], [out, r]
};

// Throws Error(kBadFile) naming file, key, found, expected.
AdapterConfig read_adapter_config(const std::filesystem::path& directory);
std::map<std::string, LoraWeights> read_adapter_weights(const std::filesystem::path& directory);

// Writes both files, the weights first.  Throws Error(kBadInput) rather than save a value that is not finite.
void write_adapter(const std::filesystem::path& directory, const AdapterConfig& config,
                   const std::map<std::string, LoraWeights>& weights);

}  // namespace holdfast::checkpoint
