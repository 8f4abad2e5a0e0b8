// How much work and memory a model of some size asks for: from its shapes alone, nothing is loaded.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "checkpoint/model_config.h"

namespace holdfast::assessment {

// One multiply-add counts two operations.  Of a model with experts, work counts those that a token goes through, memory
// all.  Memory is a GPU's (model/device_plan.h): base in nf4, activations and keys in bf16, adapter and its moments in
// fp32.
struct ModelSize {
  std::string name, source;
  std::int64_t parameters = 0, active_parameters = 0;  // active: those that one token goes through
  double linear_flops = 0;                             // a token forward through all linear layers and routers
  double head_flops = 0;                               // a row of logits
  double adapter_flops = 0;        // a token forward through adapters of rank 1 on all linear layers
  std::int64_t weight_bytes = 0;   // what a step of generation reads
  std::int64_t fixed_bytes = 0;    // all that does not depend on tokens, adapter apart
  std::int64_t adapter_bytes = 0;  // for each rank
  std::int64_t training_bytes = 0, cache_bytes = 0,
               passing_bytes = 0;  // a token of a training pack; its keys and values; its way through
};

ModelSize model_size(const std::string& name, const std::string& source, const checkpoint::ModelConfig& config);

// Llama 2 7B, 13B, 70B and Mixtral 8x7B: assets/model_sizes.toml.
const std::vector<ModelSize>& known_sizes();

nlohmann::ordered_json size_json(const ModelSize& size);
ModelSize size_of(const nlohmann::ordered_json& json);

}  // namespace holdfast::assessment
