#include "model/device_plan.h"

#include <algorithm>

#include "model/kv_pages.h"
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

// The longest sequence whose keys and values, in whole pages, and whose passing fit beside what is fixed.
std::int64_t longest_sequence(std::int64_t bytes, std::int64_t fixed, std::int64_t page, std::int64_t per_token) {
  if (fixed > bytes) return 0;
  const std::int64_t full = page + kPageTokens * per_token, pages = (bytes - fixed) / full;
  const std::int64_t rest = bytes - fixed - pages * full;  // of a page that is not full
  return pages * kPageTokens + most_tokens(rest, page, per_token);
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
  const std::int64_t page = KvPages::bytes_of(config, kPageTokens) / kFloat * kHalf;
  plan.answer_tokens = longest_sequence(device_bytes, plan.fixed, page, kHalf * widths.passing);
  return plan;
}

}  // namespace holdfast::model
