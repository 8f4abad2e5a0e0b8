#include "base/error.h"
#include "checkpoint/brief.h"
#include "checkpoint/families/family.h"

namespace holdfast::checkpoint {
namespace {

constexpr std::int64_t kMaxLayers = 10'000;  // keeps a lying file from asking for a list of a billion tensors

}  // namespace

void set_attention_biases(ModelConfig& config, bool has_bias) {
  for (const Projection projection : {Projection::kQuery, Projection::kKey, Projection::kValue, Projection::kOutput})
    config.has_bias[projection] = has_bias;
}

void read_common(const ConfigReader& root, ModelConfig& config, const CommonRules& rules) {
  config.vocab_size = root.positive("vocab_size");
  config.hidden_size = root.positive("hidden_size");
  config.intermediate_size = root.positive("intermediate_size");
  config.num_layers = root.positive("num_hidden_layers");
  HOLDFAST_CHECK(kBadFile, config.num_layers <= kMaxLayers, root.where(), ": found num_hidden_layers ",
                 config.num_layers, ", expected at most ", kMaxLayers, "; is the file damaged?");
  config.num_heads = root.positive("num_attention_heads");
  if (config.num_kv_heads == 0 || root.is_null("num_key_value_heads")) config.num_kv_heads = config.num_heads;
  config.num_kv_heads = root.positive_or("num_key_value_heads", config.num_kv_heads);
  HOLDFAST_CHECK(kBadFile, config.num_heads % config.num_kv_heads == 0, root.where(), ": found ", config.num_heads,
                 " heads and ", config.num_kv_heads, " key/value heads, expected a multiple; is the file damaged?");
  if (!root.has("head_dim") && config.head_dim == 0) {
    HOLDFAST_CHECK(kBadFile, config.hidden_size % config.num_heads == 0, root.where(), ": found hidden_size ",
                   config.hidden_size, " and ", config.num_heads,
                   " heads, expected a multiple, or a head_dim; is the file damaged?");
    config.head_dim = config.hidden_size / config.num_heads;
  }
  config.head_dim = root.positive_or("head_dim", config.head_dim);
  HOLDFAST_CHECK(kBadFile, config.head_dim % 2 == 0, root.where(), ": found head_dim ", config.head_dim,
                 ", expected an even number");
  config.max_positions = root.positive_or("max_position_embeddings", config.max_positions);
  config.rms_norm_eps = root.number_or("rms_norm_eps", config.rms_norm_eps);
  config.tie_word_embeddings = root.boolean_or("tie_word_embeddings", config.tie_word_embeddings);

  const char* key = root.has("hidden_activation") ? "hidden_activation" : "hidden_act";
  std::string activation = root.text_or(key, config.activation == Activation::kGeluTanh ? "gelu_pytorch_tanh" : "silu");
  if (activation == "gelu" && rules.gelu_means_tanh) activation = "gelu_pytorch_tanh";
  HOLDFAST_CHECK(kBadFile, activation == "silu" || activation == "gelu_pytorch_tanh", root.where(), ": found ", key,
                 " '", activation, "', expected 'silu' or 'gelu_pytorch_tanh'; other activations are not supported");
  config.activation = activation == "silu" ? Activation::kSilu : Activation::kGeluTanh;

  if (root.has("attention_bias")) set_attention_biases(config, root.boolean_or("attention_bias", false));
  for (const Projection projection : {Projection::kGate, Projection::kUp, Projection::kDown})
    config.has_bias[projection] = root.boolean_or("mlp_bias", config.has_bias[projection]);
}

std::int64_t window_of(const ConfigReader& root) { return root.positive_or("sliding_window", 0); }

void set_windows(const ConfigReader& root, ModelConfig& config, std::int64_t window,
                 bool (*is_sliding)(const ConfigReader& root, std::int64_t layer)) {
  config.layers.resize(static_cast<std::size_t>(config.num_layers));
  const bool has_types = root.has("layer_types");
  HOLDFAST_CHECK(kBadFile,
                 !has_types || (root["layer_types"].is_array() && root["layer_types"].size() == config.layers.size()),
                 root.where(), ": found 'layer_types' that is no list of ", config.num_layers, " names, expected one");
  for (std::int64_t i = 0; i < config.num_layers; ++i) {
    bool slides = false;
    if (has_types) {
      const auto& type = root["layer_types"][static_cast<std::size_t>(i)];
      slides = type == "sliding_attention";
      HOLDFAST_CHECK(kBadFile, slides || type == "full_attention", root.where(), ": found layer type ", brief(type),
                     ", expected full_attention or sliding_attention; other kinds are not supported");
    } else {
      slides = is_sliding(root, i);
    }
    if (slides) config.layers[i].window = window;
  }
}

}  // namespace holdfast::checkpoint
