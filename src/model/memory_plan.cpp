#include "model/memory_plan.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "checkpoint/llama_weights.h"

namespace holdfast::model {
namespace {

constexpr std::int64_t kFloat = 4;        // bytes
constexpr std::int64_t kLogitRows = 256;  // training/loss.h's chunk
constexpr std::int64_t kRank = 8;

// "model.layers.3.mlp.up_proj.weight" -> "mlp.up_proj.weight"; other names as they are.
std::string kind_of(const std::string& name) {
  constexpr std::string_view kLayers = "model.layers.";
  if (!name.starts_with(kLayers)) return name;
  return name.substr(name.find('.', kLayers.size()) + 1);
}

std::int64_t nf4_bytes(std::int64_t n) {
  const std::int64_t blocks = (n + quant::kBlockSize - 1) / quant::kBlockSize;
  return (n + 1) / 2 + blocks + kFloat * ((blocks + quant::kNestedBlockSize - 1) / quant::kNestedBlockSize) + kFloat;
}

}  // namespace

std::int64_t CensusRow::bytes(Precision precision) const {
  if (precision == Precision::kNf4 && is_quantized) return count * nf4_bytes(parameters / count);
  return parameters * (precision == Precision::kBf16 && shape.size() == 2 ? 2 : kFloat);
}

std::vector<CensusRow> parameter_census(const checkpoint::ModelConfig& config) {
  std::vector<CensusRow> rows;
  std::map<std::string, std::size_t> places;
  for (const auto& [name, shape] : checkpoint::expected_tensors(config)) {
    const auto [place, is_new] = places.try_emplace(kind_of(name), rows.size());
    if (is_new) rows.push_back({kind_of(name), 0, 0, shape, shape.size() == 2 && kind_of(name) != name});
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
    const bool is_widened = precision == Precision::kBf16 ? row.shape.size() == 2 : row.is_quantized;
    if (is_widened) widest = std::max(widest, row.parameters / row.count);
    if (row.is_quantized) plan.adapter += 4 * kFloat * row.count * kRank * (row.shape[0] + row.shape[1]);
  }
  if (precision == Precision::kNf4 || precision == Precision::kBf16) plan.scratch = kFloat * widest;
  const std::int64_t d = c.hidden_size, f = c.intermediate_size, q = c.num_heads * c.head_dim,
                     kv = c.num_kv_heads * c.head_dim;
  plan.cache = KvCache::bytes_per_token(c, at::kFloat) * tokens;
  plan.activations = kFloat * tokens * (c.num_layers * (2 * d + 2 * q + 2 * kv + c.num_heads + 2 * f) + d);
  plan.working =
      kFloat * std::max(tokens * (4 * f + 4 * d), 2 * std::min(tokens, kLogitRows) * c.vocab_size + 2 * tokens * d);
  return plan;
}

}  // namespace holdfast::model
