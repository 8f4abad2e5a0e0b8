#include "model/device_plan.h"

#include <algorithm>

#include "model/memory_plan.h"

namespace holdfast::model {
namespace {

constexpr std::int64_t kRuntime = 1'000'000'000;
constexpr std::int64_t kHalf = 2, kFloat = 4;  // bytes of a number
constexpr std::int64_t kLogitCopies = 3;       // the logits, their softmax, and what comes between

// The largest t with fixed + t * per_token <= bytes.
std::int64_t most_tokens(std::int64_t bytes, std::int64_t fixed, std::int64_t per_token) {
  return fixed > bytes ? 0 : (bytes - fixed) / per_token;
}

}  // namespace

DevicePlan device_plan(const checkpoint::ModelConfig& config, std::int64_t device_bytes, std::int64_t rank) {
  DevicePlan plan;
  std::int64_t widest = 0;
  for (const CensusRow& row : parameter_census(config)) {
    plan.weights += row.is_quantized ? row.bytes(Precision::kNf4) : kHalf * row.parameters;
    if (row.is_quantized) widest = std::max(widest, row.parameters / row.count);
  }
  const MemoryPlan one = memory_plan(config, {.tokens = 1, .rank = rank});
  const std::int64_t logits = kFloat * kLogitRows * (kLogitCopies * config.vocab_size + 2 * config.hidden_size);
  plan.fixed = kRuntime + plan.weights + kHalf * widest + logits;
  const TokenWidths widths = token_widths(config);
  plan.training_tokens = most_tokens(device_bytes, plan.fixed + one.adapter, kHalf * (widths.kept + widths.backward));
  plan.answer_tokens = most_tokens(device_bytes, plan.fixed, one.cache / 2 + kHalf * widths.passing);
  return plan;
}

}  // namespace holdfast::model
