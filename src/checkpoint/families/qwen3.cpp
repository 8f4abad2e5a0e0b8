// Qwen 3, dense and with experts: query and key are normed head by head; heads have a width of their own.
#include <algorithm>

#include "base/error.h"
#include "checkpoint/families/family.h"
#include "checkpoint/families/qwen.h"

namespace holdfast::checkpoint {
namespace {

void declare_both(const ConfigReader& root, ModelConfig& config) {
  config.max_positions = 32768;
  read_common(root, config);
  config.ropes = {read_rope(root, config, {})};
  config.names.query_norm = "self_attn.q_norm";
  config.names.key_norm = "self_attn.k_norm";
}

void declare_dense(const ConfigReader& root, ModelConfig& config) {
  config.head_dim = 128;
  declare_both(root, config);
  set_qwen_windows(root, config);
}

void declare_moe(const ConfigReader& root, ModelConfig& config) {
  config.num_kv_heads = 4;
  declare_both(root, config);
  const std::int64_t window =
      root.boolean_or("use_sliding_window", false) ? root.positive_or("sliding_window", 4096) : 0;
  set_windows(root, config, window, [](const ConfigReader&, std::int64_t) { return true; });
  const std::int64_t step = root.positive_or("decoder_sparse_step", 1);
  const auto dense = root.has("mlp_only_layers") && !root["mlp_only_layers"].empty()
                         ? root.whole_numbers("mlp_only_layers")
                         : std::vector<std::int64_t>{};
  const char* experts = root.has("num_experts") ? "num_experts" : "num_local_experts";
  config.moe = {.num_experts = root.positive_or(experts, 128),
                .top_k = root.positive_or("num_experts_per_tok", 8),
                .intermediate_size = root.positive_or("moe_intermediate_size", 768),
                .normalizes_top_k = root.boolean_or("norm_topk_prob", false)};
  for (std::int64_t i = 0; i < config.num_layers; ++i)
    config.layers[i].is_moe = std::find(dense.begin(), dense.end(), i) == dense.end() && (i + 1) % step == 0;
  config.names.router = "mlp.gate";
  config.names.experts = "mlp.experts";
}

}  // namespace

extern const Family kQwen3, kQwen3Moe;
const Family kQwen3 = {"qwen3", "Qwen 3", declare_dense};
const Family kQwen3Moe = {"qwen3_moe", "Qwen 3 with experts", declare_moe};

}  // namespace holdfast::checkpoint
