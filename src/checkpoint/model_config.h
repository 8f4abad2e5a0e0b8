// What a model is made of: the description that read_config makes of a config.json and that model::Decoder runs.
//
// A family differs from Llama by values here, never by a forward pass of its own.  The defaults are Llama's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::checkpoint {

// The linear layers that a decoder layer may have; which of them a model has, and their names, say TensorNames.
// The fused ones hold the rows of several, one below the other, as some families store and adapt them.
enum class Projection { kQuery, kKey, kValue, kOutput, kGate, kUp, kDown, kQueryKeyValue, kGateUp };
inline constexpr std::array kProjections = {Projection::kQuery,  Projection::kKey,           Projection::kValue,
                                            Projection::kOutput, Projection::kGate,          Projection::kUp,
                                            Projection::kDown,   Projection::kQueryKeyValue, Projection::kGateUp};
// One value a projection.
template <typename T>
struct PerProjection : std::array<T, kProjections.size()> {
  using std::array<T, kProjections.size()>::operator[];
  T& operator[](Projection p) { return (*this)[static_cast<std::size_t>(p)]; }
  const T& operator[](Projection p) const { return (*this)[static_cast<std::size_t>(p)]; }
};

struct RopeScaling {
  enum class Kind { kNone, kLinear, kLlama3, kDynamic, kYarn, kLongRope };
  Kind kind = Kind::kNone;
  double factor = 1, low_freq_factor = 1, high_freq_factor = 4;
  std::int64_t original_max_positions = 0;
  double attention_factor = 1;                      // multiplies cosine and sine
  double beta_fast = 32, beta_slow = 1;             // YaRN: rotations that bound the passage between the two rules
  bool truncates = true;                            // YaRN: the bounds are whole dimensions
  std::vector<double> short_factors, long_factors;  // LongRoPE: up to and beyond original_max_positions
};

// One set of rotary angles.
struct Rope {
  double theta = 10000;
  std::int64_t rotary_dim = 0;  // the first so many numbers of a head turn; 0: all
  RopeScaling scaling;
};
inline constexpr int kNoRope = -1;

struct LayerConfig {
  std::int64_t window = 0;  // a token sees itself and the window - 1 before it; 0: all before it
  int rope = 0;             // index into ModelConfig::ropes, or kNoRope
  bool is_moe = false;
};

enum class Activation { kSilu, kGeluTanh, kClampedSwiglu };

// How the experts of a layer are stored: checkpoint/experts.h.
enum class ExpertStorage { kSeparate, kStacked, kMxfp4 };

struct MoeConfig {
  std::int64_t num_experts = 0, top_k = 0, intermediate_size = 0;
  bool normalizes_top_k = true;  // the weights of the chosen experts sum to 1
  bool ranks_logits = false;     // the choice is made among the router's logits, not among their softmax
  ExpertStorage storage = ExpertStorage::kSeparate;
  bool has_biases = false;                    // of the router and of the experts
  double swiglu_alpha = 0, swiglu_limit = 0;  // of kClampedSwiglu
};

// Names below "model.layers.<i>."; an empty name says that the model has no such tensor.
struct TensorNames {
  // Norms of what goes into a block and of what comes out of it.
  std::string attention_norm = "input_layernorm", attention_post_norm;
  std::string mlp_norm = "post_attention_layernorm", mlp_post_norm;
  std::string query_norm, key_norm;  // as wide as a head, or as all heads (ModelConfig::has_wide_query_norm)
  std::string sinks;                 // [h], a logit a head that takes part in each softmax and attends to nothing
  PerProjection<std::string> projections{{{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
                                           "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}}};
  std::string router, experts;  // "mlp.gate", "mlp.experts"
  std::string expert_gate = "gate_proj", expert_up = "up_proj", expert_down = "down_proj";
};

struct ModelConfig {
  std::string family;  // model_type, "llama"
  std::int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, num_layers = 0;
  std::int64_t num_heads = 0, num_kv_heads = 0, head_dim = 0, max_positions = 2048;
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  bool norm_adds_one = false;        // norms multiply by 1 + weight
  bool has_wide_query_norm = false;  // query and key norms go over all heads at once
  bool scales_embedding = false;     // by sqrt(hidden_size)
  Activation activation = Activation::kSilu;
  double attention_scale = 0;                         // 0: 1 / sqrt(head_dim)
  double attention_soft_cap = 0, logit_soft_cap = 0;  // z -> cap * tanh(z / cap); 0: none
  std::vector<Rope> ropes = {Rope{}};
  std::vector<LayerConfig> layers;  // empty: all plain
  PerProjection<bool> has_bias{};
  MoeConfig moe;
  TensorNames names;
  bool is_four_bit = false;                 // quantization_config names bitsandbytes' NF4, or its FP4:
  std::string four_bit_type = "nf4";        // "nf4" or "fp4"
  std::string stored_dtype;                 // as the file says, e.g. "bfloat16"; empty when it does not
  std::vector<std::int64_t> eos_token_ids;  // generation_config.json's where it has them, else config.json's
  std::optional<std::int64_t> bos_token_id;

  LayerConfig layer(std::int64_t index) const {
    return index < static_cast<std::int64_t>(layers.size()) ? layers[index] : LayerConfig{};
  }
};

// One linear layer of a model.
struct LinearModule {
  std::int64_t layer;
  Projection projection;
  std::int64_t expert;  // -1: none
  std::string path;     // "model.layers.3.self_attn.q_proj", below it stand weight and bias
  std::int64_t out_features, in_features;
  bool has_bias;
  bool is_adaptable = true;  // experts that are stored in one tensor are no modules that PEFT could name
};
// Layer by layer in the order of kProjections, then expert by expert.  Embedding, head and routers are not among them.
std::vector<LinearModule> linear_modules(const ModelConfig& config);

}  // namespace holdfast::checkpoint
