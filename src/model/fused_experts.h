// Adapters of experts in PEFT's fused layout (target_parameters), taken apart into one pair a projection and expert.
//
// <layer>.mlp.experts.base_layer  lora_A [e * r, d], lora_B [2f, r * e]   of gate_up_proj, the inner of two wrappers
// <layer>.mlp.experts             lora_A [e * r, f], lora_B [d, r * e]    of down_proj, or of the only one there is
// A is sorted by expert, then rank; the columns of B by rank, then expert.  Gate and up share A.
// Source    peft 0.21, ParamWrapper.get_delta_weight.
#pragma once

#include <map>
#include <string>

#include "checkpoint/model_config.h"
#include "checkpoint/peft.h"

namespace holdfast::model {

// Replaces the fused entries of `weights` and names the experts' layers in config.target_modules.
// Throws Error(kBadFile) for shapes that do not fit the model, or a parameter that is no expert's.
void unfuse_experts(const checkpoint::ModelConfig& model, const std::string& where, checkpoint::AdapterConfig& config,
                    std::map<std::string, checkpoint::LoraWeights>& weights);

}  // namespace holdfast::model
