#include "checkpoint/model_config.h"

#include "base/error.h"

namespace holdfast::checkpoint {
namespace {

struct Shape {
  std::int64_t out_features, in_features;
};

Shape shape_of(const ModelConfig& c, Projection projection, std::int64_t ffn) {
  const std::int64_t q = c.num_heads * c.head_dim, kv = c.num_kv_heads * c.head_dim, d = c.hidden_size;
  switch (projection) {
    case Projection::kQuery:
      return {q, d};
    case Projection::kKey:
    case Projection::kValue:
      return {kv, d};
    case Projection::kQueryKeyValue:
      return {q + 2 * kv, d};
    case Projection::kOutput:
      return {d, q};
    case Projection::kGate:
    case Projection::kUp:
      return {ffn, d};
    case Projection::kGateUp:
      return {2 * ffn, d};
    case Projection::kDown:
      return {d, ffn};
  }
  HOLDFAST_ASSERT(false);
}

bool is_of_mlp(Projection projection) {
  return projection == Projection::kGate || projection == Projection::kUp || projection == Projection::kDown ||
         projection == Projection::kGateUp;
}

}  // namespace

std::vector<LinearModule> linear_modules(const ModelConfig& c) {
  std::vector<LinearModule> modules;
  for (std::int64_t layer = 0; layer < c.num_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const bool is_moe = c.layer(layer).is_moe;
    for (const Projection projection : kProjections) {
      const std::string& name = c.names.projections[projection];
      if (name.empty() || (is_moe && is_of_mlp(projection))) continue;
      const auto [out, in] = shape_of(c, projection, c.intermediate_size);
      modules.push_back({layer, projection, -1, prefix + name, out, in, c.has_bias[projection]});
    }
    for (std::int64_t expert = 0; is_moe && expert < c.moe.num_experts; ++expert) {
      const std::string path = prefix + c.names.experts + "." + std::to_string(expert) + ".";
      for (const auto& [projection, name] :
           {std::pair{Projection::kGate, c.names.expert_gate}, std::pair{Projection::kUp, c.names.expert_up},
            std::pair{Projection::kDown, c.names.expert_down}}) {
        const auto [out, in] = shape_of(c, projection, c.moe.intermediate_size);
        modules.push_back({layer, projection, expert, path + name, out, in, c.moe.has_biases,
                           c.moe.storage == ExpertStorage::kSeparate});
      }
    }
  }
  return modules;
}

}  // namespace holdfast::checkpoint
