#include "model/memory_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "checkpoint/expected_weights.h"

namespace holdfast::model {
namespace {

constexpr std::int64_t kFloat = 4;        // bytes
constexpr std::int64_t kLogitRows = 256;  // training/loss.h's chunk
constexpr std::int64_t kRank = 8;

// "model.layers.3.mlp.experts.7.up_proj.weight" -> "mlp.experts.*.up_proj.weight"; names of no layer as they are.
std::string kind_of(const checkpoint::ModelConfig& config, const std::string& name) {
  constexpr std::string_view kLayers = "model.layers.";
  if (!name.starts_with(kLayers)) return name;
  std::string kind = name.substr(name.find('.', kLayers.size()) + 1);
  const std::string experts = config.names.experts + ".";
  if (config.moe.num_experts > 0 && kind.starts_with(experts))
    kind = experts + "*" + kind.substr(kind.find('.', experts.size()));
  return kind;
}

// What Decoder::load holds: the checkpoint's tensors, but experts one by one however they are stored.
std::vector<checkpoint::ExpectedTensor> held_tensors(const checkpoint::ModelConfig& c) {
  std::vector<checkpoint::ExpectedTensor> held;
  const bool is_stacked = c.moe.storage != checkpoint::ExpertStorage::kSeparate;
  for (auto& tensor : checkpoint::expected_tensors(c)) {
    if (!is_stacked || tensor.name.find("." + c.names.experts + ".") == std::string::npos)
      held.push_back(std::move(tensor));
  }
  for (const auto& module : checkpoint::linear_modules(c)) {
    if (!is_stacked || module.expert < 0) continue;
    held.push_back({module.path + ".weight", {module.out_features, module.in_features}});
    held.push_back({module.path + ".bias", {module.out_features}});
  }
  return held;
}

std::int64_t nf4_bytes(std::int64_t n) {
  const std::int64_t blocks = (n + quant::kBlockSize - 1) / quant::kBlockSize;
  return (n + 1) / 2 + blocks + kFloat * ((blocks + quant::kNestedBlockSize - 1) / quant::kNestedBlockSize) + kFloat;
}

}  // namespace

std::int64_t CensusRow::bytes(Precision precision) const {
  if (precision == Precision::kNf4 && is_quantized) return count * nf4_bytes(parameters / count);
  return parameters * (precision == Precision::kBf16 && is_matrix ? 2 : kFloat);
}

std::vector<CensusRow> parameter_census(const checkpoint::ModelConfig& config) {
  std::vector<CensusRow> rows;
  std::map<std::string, std::size_t> places;
  std::set<std::string> linear;
  for (const auto& module : checkpoint::linear_modules(config)) linear.insert(module.path + ".weight");
  for (const auto& [name, shape] : held_tensors(config)) {
    const std::string kind = kind_of(config, name);
    const auto [place, is_new] = places.try_emplace(kind, rows.size());
    const bool is_linear = linear.count(name) > 0;
    if (is_new) rows.push_back({kind, 0, 0, shape, is_linear, is_linear || (shape.size() == 2 && kind == name)});
    std::int64_t size = 1;
    for (const std::int64_t extent : shape) size *= extent;
    rows[place->second].count += 1;
    rows[place->second].parameters += size;
  }
  return rows;
}

MemoryPlan memory_plan(const checkpoint::ModelConfig& c, Precision precision, std::int64_t tokens) {
  MemoryPlan plan;
  std::int64_t widest = 0;
  for (const CensusRow& row : parameter_census(c)) {
    plan.weights += row.bytes(precision);
    const bool is_widened = precision == Precision::kBf16 ? row.is_matrix : row.is_quantized;
    if (is_widened) widest = std::max(widest, row.parameters / row.count);
    if (row.is_quantized) plan.adapter += 4 * kFloat * row.count * kRank * (row.shape[0] + row.shape[1]);
  }
  if (precision == Precision::kNf4 || precision == Precision::kBf16) plan.scratch = kFloat * widest;
  const std::int64_t d = c.hidden_size, q = c.num_heads * c.head_dim, kv = c.num_kv_heads * c.head_dim;
  const auto there = [](const std::string& name, std::int64_t width) { return name.empty() ? 0 : width; };
  std::int64_t f = c.intermediate_size;  // of one token: the widest feed-forward block
  plan.cache = KvCache::bytes_per_token(c, at::kFloat) * tokens;
  plan.activations = kFloat * tokens * d;
  for (std::int64_t layer = 0; layer < c.num_layers; ++layer) {
    std::int64_t kept = 2 * d + 2 * q + 2 * kv + c.num_heads;
    kept += there(c.names.query_norm, q) + there(c.names.key_norm, kv);
    kept += there(c.names.attention_post_norm, d) + there(c.names.mlp_post_norm, d);
    if (c.layer(layer).is_moe) {
      f = std::max(f, c.moe.top_k * c.moe.intermediate_size);
      kept += c.moe.top_k * (2 * c.moe.intermediate_size + d + 7);  // routing: three indices in 64 bits and a weight
    } else {
      kept += 2 * c.intermediate_size;
    }
    plan.activations += kFloat * tokens * kept;
  }
  plan.working =
      kFloat * std::max(tokens * (4 * f + 4 * d), 2 * std::min(tokens, kLogitRows) * c.vocab_size + 2 * tokens * d);
  return plan;
}

}  // namespace holdfast::model
