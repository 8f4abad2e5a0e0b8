#include "assessment/model_sizes.h"

#include <span>
#include <string_view>
#include <utility>

#include "evaluation/toml_table.h"
#include "model/device_plan.h"
#include "model/memory_plan.h"

namespace holdfast::assessment {

// Of cmake/embed_folder.cmake: the TOML files of assets/.
std::span<const std::pair<std::string_view, std::string_view>> cost_assets();

namespace {

using nlohmann::ordered_json;

constexpr std::int64_t kHalf = 2;  // bytes of a number in bf16

// The shapes of a Llama, or of a Mixtral where there are experts.
checkpoint::ModelConfig config_of(evaluation::Table& table) {
  checkpoint::ModelConfig config;
  table.read("layers", config.num_layers, 1);
  table.read("hidden", config.hidden_size, 1);
  table.read("ffn", config.intermediate_size, 1);
  table.read("heads", config.num_heads, 1);
  table.read("kv_heads", config.num_kv_heads, 1);
  table.read("vocabulary", config.vocab_size, 1);
  table.read("positions", config.max_positions, 1);
  table.read("experts", config.moe.num_experts, 1);
  table.read("experts_per_token", config.moe.top_k, 1);
  config.family = config.moe.num_experts > 0 ? "mixtral" : "llama";
  config.head_dim = config.hidden_size / config.num_heads;
  config.stored_dtype = "bfloat16";
  if (config.moe.num_experts == 0) return config;
  config.moe.intermediate_size = config.intermediate_size;
  config.layers.assign(static_cast<std::size_t>(config.num_layers), {.is_moe = true});
  config.names.router = "block_sparse_moe.gate";
  config.names.experts = "block_sparse_moe.experts";
  config.names.expert_gate = "w1";
  config.names.expert_up = "w3";
  config.names.expert_down = "w2";
  return config;
}

}  // namespace

ModelSize model_size(const std::string& name, const std::string& source, const checkpoint::ModelConfig& config) {
  ModelSize size{.name = name, .source = source};
  for (const model::CensusRow& row : model::parameter_census(config)) size.parameters += row.parameters;
  size.active_parameters = size.parameters;
  const std::int64_t idle = config.moe.num_experts - config.moe.top_k;  // experts that a token does not go through
  for (const auto& module : checkpoint::linear_modules(config)) {
    const std::int64_t weights = module.out_features * module.in_features;
    if (module.expert >= config.moe.top_k) {
      size.active_parameters -= weights;
      continue;
    }
    size.linear_flops += 2 * static_cast<double>(weights);
    size.adapter_flops += 2 * static_cast<double>(module.out_features + module.in_features);
  }
  for (std::int64_t layer = 0; layer < config.num_layers && idle > 0; ++layer)
    if (config.layer(layer).is_moe)
      size.linear_flops += 2 * static_cast<double>(config.moe.num_experts * config.hidden_size);
  size.head_flops = 2 * static_cast<double>(config.vocab_size) * static_cast<double>(config.hidden_size);
  const model::DevicePlan plan = model::device_plan(config, 0, 1);
  constexpr std::int64_t kSome = 1024;  // tokens of whole pages of keys and values
  const model::MemoryPlan some = model::memory_plan(config, {.tokens = kSome, .rank = 1});
  const model::TokenWidths widths = model::token_widths(config);
  size.weight_bytes = plan.weights;
  size.fixed_bytes = plan.fixed;
  size.adapter_bytes = some.adapter;
  size.training_bytes = kHalf * (widths.kept + widths.backward);
  size.cache_bytes = some.cache / kSome / 2;  // counted in four bytes a number
  size.passing_bytes = kHalf * widths.passing;
  return size;
}

const std::vector<ModelSize>& known_sizes() {
  static const std::vector<ModelSize> sizes = [] {
    std::vector<ModelSize> list;
    const std::string file = "assets/model_sizes.toml";
    for (const auto& [name, text] : cost_assets()) {
      if (name != "model_sizes.toml") continue;
      const toml::table root = toml::parse(text, file);
      for (const auto& node : *root["model"].as_array()) {
        evaluation::Table table(*node.as_table(), file, "[[model]]", "sizes");
        std::string title, source;
        table.read("name", title);
        table.read("source", source);
        const checkpoint::ModelConfig config = config_of(table);
        table.end();
        list.push_back(model_size(title, source, config));
      }
    }
    return list;
  }();
  return sizes;
}

ordered_json size_json(const ModelSize& s) {
  return {{"name", s.name},
          {"source", s.source},
          {"parameters", s.parameters},
          {"active_parameters", s.active_parameters},
          {"linear_flops", s.linear_flops},
          {"head_flops", s.head_flops},
          {"adapter_flops", s.adapter_flops},
          {"weight_bytes", s.weight_bytes},
          {"fixed_bytes", s.fixed_bytes},
          {"adapter_bytes", s.adapter_bytes},
          {"training_bytes", s.training_bytes},
          {"cache_bytes", s.cache_bytes},
          {"passing_bytes", s.passing_bytes}};
}

ModelSize size_of(const ordered_json& json) {
  return {.name = json.at("name"),
          .source = json.at("source"),
          .parameters = json.at("parameters"),
          .active_parameters = json.at("active_parameters"),
          .linear_flops = json.at("linear_flops"),
          .head_flops = json.at("head_flops"),
          .adapter_flops = json.at("adapter_flops"),
          .weight_bytes = json.at("weight_bytes"),
          .fixed_bytes = json.at("fixed_bytes"),
          .adapter_bytes = json.at("adapter_bytes"),
          .training_bytes = json.at("training_bytes"),
          .cache_bytes = json.at("cache_bytes"),
          .passing_bytes = json.at("passing_bytes")};
}

}  // namespace holdfast::assessment
