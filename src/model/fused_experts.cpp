#include "model/fused_experts.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::model {
namespace {

using checkpoint::LoraWeights;
using checkpoint::Projection;

bool names(const std::vector<std::string>& parameters, const std::string& ending) {
  return std::any_of(parameters.begin(), parameters.end(), [&](const auto& name) { return name.ends_with(ending); });
}

// The pair of one expert's projection out of the fused ones.  Rows row_begin .. + rows of B belong to it.
LoraWeights of_expert(const LoraWeights& fused, std::int64_t num_experts, std::int64_t expert, std::int64_t row_begin,
                      std::int64_t rows) {
  const std::int64_t r = fused.a.size(0) / num_experts;
  return {fused.a.narrow(0, expert * r, r).contiguous(),
          fused.b.narrow(0, row_begin, rows).view({rows, r, num_experts}).select(2, expert).contiguous()};
}

}  // namespace

void unfuse_experts(const checkpoint::ModelConfig& model, const std::string& where, checkpoint::AdapterConfig& config,
                    std::map<std::string, LoraWeights>& weights) {
  if (config.target_parameters.empty()) return;
  const bool has_gate_up = names(config.target_parameters, "experts.gate_up_proj");
  const bool has_down = names(config.target_parameters, "experts.down_proj");
  for (const std::string& name : config.target_parameters) {
    HOLDFAST_CHECK(kBadFile, name.ends_with("experts.gate_up_proj") || name.ends_with("experts.down_proj"), where,
                   "found '", name, "' in target_parameters, expected experts.gate_up_proj or experts.down_proj");
  }
  HOLDFAST_CHECK(kBadFile, model.moe.num_experts > 0 && model.moe.storage == checkpoint::ExpertStorage::kSeparate,
                 where, "found target_parameters, expected none: adapters of the experts of '", model.family,
                 "' are not supported");
  HOLDFAST_CHECK(kBadFile, !config.target_is_pattern, where,
                 "found target_parameters beside a pattern in target_modules, expected a list of names");
  const std::int64_t e = model.moe.num_experts, f = model.moe.intermediate_size, d = model.hidden_size;
  const auto take = [&](const std::string& path, std::int64_t in, std::int64_t out) {
    const auto found = weights.find(path);
    HOLDFAST_CHECK(kBadFile, found != weights.end(), where, "found no weights for '", path,
                   "', which target_parameters names; is the adapter of this model?");
    LoraWeights fused = std::move(found->second);
    weights.erase(found);
    HOLDFAST_CHECK(kBadFile, fused.a.size(0) % e == 0 && fused.a.size(1) == in && fused.b.size(0) == out, where,
                   "found '", path, "' with lora_A [", fused.a.size(0), ", ", fused.a.size(1), "] and lora_B [",
                   fused.b.size(0), ", ", fused.b.size(1), "], expected ", e, " experts of [r, ", in, "] and [", out,
                   ", r]; is the adapter of this model?");
    return fused;
  };
  std::map<std::int64_t, LoraWeights> gate_up, down;  // by layer
  for (const auto& module : checkpoint::linear_modules(model)) {
    if (module.expert < 0) continue;
    const std::string outer = "model.layers." + std::to_string(module.layer) + ".mlp.experts";
    if (has_gate_up && gate_up.count(module.layer) == 0)
      gate_up[module.layer] = take(has_down ? outer + ".base_layer" : outer, d, 2 * f);
    if (has_down && down.count(module.layer) == 0) down[module.layer] = take(outer, f, d);
    const bool is_down = module.projection == Projection::kDown;
    if (!(is_down ? has_down : has_gate_up)) continue;
    weights[module.path] =
        is_down ? of_expert(down[module.layer], e, module.expert, 0, d)
                : of_expert(gate_up[module.layer], e, module.expert, module.projection == Projection::kGate ? 0 : f, f);
    // "experts.3.w1": a dense layer may have projections of the same short name.
    const std::string name = module.path.substr(module.path.rfind("experts."));
    auto& targets = config.target_modules;
    if (std::find(targets.begin(), targets.end(), name) == targets.end()) targets.push_back(name);
  }
  config.target_parameters.clear();
}

}  // namespace holdfast::model
