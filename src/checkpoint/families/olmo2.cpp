// OLMo 2: norms behind the blocks instead of before them, and over all query and all key heads at once.
#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {
namespace {

void declare(const ConfigReader& root, ModelConfig& config) {
  config.rms_norm_eps = 1e-5;
  read_common(root, config);
  config.ropes = {read_rope(root, config, {})};
  config.names.attention_norm = config.names.mlp_norm = "";
  config.names.attention_post_norm = "post_attention_layernorm";
  config.names.mlp_post_norm = "post_feedforward_layernorm";
  config.names.query_norm = "self_attn.q_norm";
  config.names.key_norm = "self_attn.k_norm";
  config.has_wide_query_norm = true;
}

}  // namespace

extern const Family kOlmo2;
const Family kOlmo2 = {"olmo2", "OLMo 2", declare};

}  // namespace holdfast::checkpoint
