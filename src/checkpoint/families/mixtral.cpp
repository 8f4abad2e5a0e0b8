// Mixtral 8x7B and 8x22B: Mistral with experts in the place of the feed-forward block.
#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {
namespace {

void declare(const ConfigReader& root, ModelConfig& config) {
  config.max_positions = 131072;
  config.num_kv_heads = 8;
  config.rms_norm_eps = 1e-5;
  read_common(root, config);
  config.ropes = {read_rope(root, config, {.theta = 1e6})};
  set_windows(root, config, window_of(root), [](const ConfigReader&, std::int64_t) { return true; });
  for (LayerConfig& layer : config.layers) layer.is_moe = true;
  config.moe = {.num_experts = root.positive_or("num_local_experts", 8),
                .top_k = root.positive_or("num_experts_per_tok", 2),
                .intermediate_size = config.intermediate_size};
  config.names.router = "block_sparse_moe.gate";
  config.names.experts = "block_sparse_moe.experts";
  config.names.expert_gate = "w1";
  config.names.expert_up = "w3";
  config.names.expert_down = "w2";
}

}  // namespace

extern const Family kMixtral;
const Family kMixtral = {"mixtral", "Mixtral", declare};

}  // namespace holdfast::checkpoint
