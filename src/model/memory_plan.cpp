#include "model/memory_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "checkpoint/expected_weights.h"

namespace holdfast::model {
namespace {

constexpr std::int64_t kFloat = 4;  // bytes
// Measured with torch 2.13 on a CPU.
constexpr std::int64_t kProcess = 120'000'000, kPools = 20'000'000;
constexpr std::int64_t kReading = 20'000'000;  // a piece of a tensor in nf4.cpp and the blocks' scales

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

std::int64_t stored_bytes(const std::string& dtype) { return dtype == "bfloat16" || dtype == "float16" ? 2 : kFloat; }

bool stays_narrow(const std::string& dtype, std::int64_t size) {
  return stored_bytes(dtype) == 2 && size > kLargeTable;
}

}  // namespace

std::int64_t CensusRow::bytes(Precision precision) const {
  if (precision == Precision::kNf4 && is_quantized) return count * nf4_bytes(parameters / count);
  const bool is_narrow = precision == Precision::kBf16 ? is_matrix : precision == Precision::kNf4 && stays_narrow;
  return parameters * (is_narrow ? 2 : kFloat);
}

std::vector<CensusRow> parameter_census(const checkpoint::ModelConfig& config) {
  std::vector<CensusRow> rows;
  std::map<std::string, std::size_t> places;
  std::set<std::string> linear;
  for (const auto& module : checkpoint::linear_modules(config)) linear.insert(module.path + ".weight");
  for (const auto& [name, shape] : held_tensors(config)) {
    const std::string kind = kind_of(config, name);
    const auto [place, is_new] = places.try_emplace(kind, rows.size());
    const bool is_linear = linear.count(name) > 0, is_table = shape.size() == 2 && kind == name;
    if (is_new) rows.push_back({kind, 0, 0, shape, is_linear, is_linear || is_table});
    std::int64_t size = 1;
    for (const std::int64_t extent : shape) size *= extent;
    CensusRow& row = rows[place->second];
    row.count += 1;
    row.parameters += size;
    row.stays_narrow = is_table && stays_narrow(config.stored_dtype, size);
  }
  return rows;
}

TokenWidths token_widths(const checkpoint::ModelConfig& c) {
  const std::int64_t d = c.hidden_size, q = c.num_heads * c.head_dim, kv = c.num_kv_heads * c.head_dim;
  const auto there = [](const std::string& name, std::int64_t width) { return name.empty() ? 0 : width; };
  TokenWidths widths{.kept = d};
  for (std::int64_t index = 0; index < c.num_layers; ++index) {
    widths.kept += 2 * d + 2 * q + 2 * kv + c.num_heads;
    widths.kept += there(c.names.query_norm, q) + there(c.names.key_norm, kv);
    widths.kept += there(c.names.attention_post_norm, d) + there(c.names.mlp_post_norm, d);
    std::int64_t forward = 0, backward = 0;  // of the feed-forward block
    if (c.layer(index).is_moe) {
      const std::int64_t n = c.moe.top_k, f = c.moe.intermediate_size;
      // An expert sees its share of the pairs (token, expert); twice that, since routers are not even.
      const auto share = [&](std::int64_t width) { return std::min(n * width, 2 * n * width / c.moe.num_experts); };
      widths.kept += n * (2 * f + d + 7);  // routing: three indices in 64 bits and a weight
      forward = n * d + share(3 * f + 2 * d);
      backward = 3 * n * d + d + share(5 * f + 2 * d);
    } else {
      const std::int64_t f = c.intermediate_size;
      widths.kept += 2 * f;
      forward = 3 * f + d;
      backward = 5 * f;
    }
    // In: x, y and the norm of y; out: what came from above, its copy, and the norm of y again.
    widths.passing = std::max({widths.passing, 3 * d + forward, 3 * d + 3 * q + 2 * kv});
    widths.backward = std::max({widths.backward, 3 * d + backward, 2 * d + 4 * q + 2 * kv});
  }
  // Beside a layer's own: the hidden states, their gradient and what comes down from the layer above.
  widths.backward += 3 * d;
  return widths;
}

std::int64_t logits_bytes(const checkpoint::ModelConfig& c, std::int64_t rows) {
  const std::int64_t logits = c.logit_soft_cap > 0 ? 4 : 1;
  return kFloat * rows * (logits * c.vocab_size + 2 * c.hidden_size);
}

MemoryPlan memory_plan(const checkpoint::ModelConfig& c, const PlanOptions& options) {
  HOLDFAST_ASSERT(!options.streams_layers || options.precision == Precision::kNf4);
  const std::int64_t t = options.tokens, d = c.hidden_size;
  MemoryPlan plan{.process = kProcess, .pools = kPools};
  std::int64_t widest_stored = 0, streamed = 0;
  for (const CensusRow& row : parameter_census(c)) {
    plan.weights += row.bytes(options.precision);
    const std::int64_t size = row.parameters / row.count;
    if (row.is_quantized) widest_stored = std::max(widest_stored, size * stored_bytes(c.stored_dtype));
    if (row.is_quantized) streamed += row.bytes(Precision::kNf4);
    if (row.is_quantized) plan.adapter += 4 * kFloat * row.count * options.rank * (row.shape[0] + row.shape[1]);
  }
  if (options.streams_layers && c.num_layers > 2) plan.weights -= streamed / c.num_layers * (c.num_layers - 2);
  plan.reading = kReading + (options.precision == Precision::kNf4 ? 0 : widest_stored);
  plan.cache = KvPages::bytes_of(c, t);
  const TokenWidths widths = token_widths(c);
  plan.passing = kFloat * t * widths.passing;
  plan.activations = kFloat * t * widths.kept;
  plan.backward = kFloat * t * widths.backward;
  plan.logits = kFloat * 2 * t * d + logits_bytes(c, std::min(t, kLogitRows));
  return plan;
}

}  // namespace holdfast::model
