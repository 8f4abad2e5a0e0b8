// Gemma 1, 2 and 3 text: norms by 1 + weight, embeddings times sqrt(d), gelu; from the second on norms on both sides of
// each block and layers that take turns with a window; capped logits in the second; in the third query and key norms
// and other rotary angles where there is a window.
#include <cmath>

#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {
namespace {

void set_defaults(ModelConfig& config) {
  config.head_dim = 256;
  config.tie_word_embeddings = true;
  config.activation = Activation::kGeluTanh;
  config.norm_adds_one = true;
  config.scales_embedding = true;
}

void declare_gemma(const ConfigReader& root, ModelConfig& config) {
  config.max_positions = 8192;
  set_defaults(config);
  config.num_kv_heads = 16;
  // Files of the first release say gelu and mean its tanh form.
  read_common(root, config, {.gelu_means_tanh = true});
  root.refuse_unless("use_bidirectional_attention", false);
  config.ropes = {read_rope(root, config, {})};
}

void declare_later(const ConfigReader& root, ModelConfig& config) {
  set_defaults(config);
  config.num_kv_heads = 4;
  read_common(root, config);
  root.refuse_unless("use_bidirectional_attention", false);
  config.attention_scale = 1 / std::sqrt(root.number_or("query_pre_attn_scalar", 256));
  config.names.attention_post_norm = "post_attention_layernorm";
  config.names.mlp_norm = "pre_feedforward_layernorm";
  config.names.mlp_post_norm = "post_feedforward_layernorm";
}

void declare_gemma2(const ConfigReader& root, ModelConfig& config) {
  config.max_positions = 8192;
  declare_later(root, config);
  config.ropes = {read_rope(root, config, {})};
  config.attention_soft_cap = root.is_null("attn_logit_softcapping") ? 0 : root.number_or("attn_logit_softcapping", 50);
  config.logit_soft_cap = root.is_null("final_logit_softcapping") ? 0 : root.number_or("final_logit_softcapping", 30);
  set_windows(root, config, root.positive_or("sliding_window", 4096),
              [](const ConfigReader&, std::int64_t layer) { return layer % 2 == 0; });
}

void declare_gemma3(const ConfigReader& root, ModelConfig& config) {
  config.max_positions = 131072;
  declare_later(root, config);
  root.refuse_unless("attn_logit_softcapping", nullptr);
  config.logit_soft_cap = root.number_or("final_logit_softcapping", 0);
  config.names.query_norm = "self_attn.q_norm";
  config.names.key_norm = "self_attn.k_norm";
  set_windows(root, config, root.positive_or("sliding_window", 4096), [](const ConfigReader& keys, std::int64_t layer) {
    return (layer + 1) % keys.positive_or("sliding_window_pattern", 6) != 0;
  });
  config.ropes = {
      read_rope(root, config, {.theta = 1e6, .layer_type = "full_attention"}),
      read_rope(root, config,
                {.layer_type = "sliding_attention", .theta_key = "rope_local_base_freq", .ignores_old_scaling = true})};
  for (LayerConfig& layer : config.layers) layer.rope = layer.window > 0 ? 1 : 0;
}

}  // namespace

extern const Family kGemma, kGemma2, kGemma3;
const Family kGemma = {"gemma", "Gemma 1", declare_gemma};
const Family kGemma2 = {"gemma2", "Gemma 2", declare_gemma2};
const Family kGemma3 = {"gemma3_text", "Gemma 3 (text)", declare_gemma3};

}  // namespace holdfast::checkpoint
