#include "checkpoint/gguf_config.h"

#include <algorithm>

#include "base/error.h"
#include "checkpoint/brief.h"
#include "checkpoint/gguf_metadata.h"
#include "checkpoint/gguf_rope.h"

namespace holdfast::checkpoint {
namespace {

using nlohmann::json;

constexpr std::int64_t kMaxExperts = 4096;  // keeps a lying file from asking for a list of a billion tensors

void set_experts(const GgufMetadata& data, json& config, const char* count_key) {
  config[count_key] = data.whole("expert_count");
  HOLDFAST_CHECK(kBadFile, data.whole("expert_count") <= kMaxExperts, data.where(), ": found ",
                 data.whole("expert_count"), " experts, expected at most ", kMaxExperts, "; is the file damaged?");
  config["num_experts_per_tok"] = data.whole("expert_used_count");
}

void set_window(const GgufMetadata& data, json& config) {
  config["sliding_window"] =
      data.has("attention.sliding_window") ? json(data.whole("attention.sliding_window")) : json();
}

void declare_plain(const GgufMetadata&, json&) {}

// Mistral and Mixtral are llama too: the one has experts, the other may have a window.
void declare_llama(const GgufMetadata& data, json& config) {
  if (data.has("expert_count") && data.whole_or("expert_count", 0) > 0) {
    config["model_type"] = "mixtral";
    set_experts(data, config, "num_local_experts");
    set_window(data, config);
  } else if (data.has("attention.sliding_window")) {
    config["model_type"] = "mistral";
    set_window(data, config);
  }
  config["attention_bias"] = data.file().tensors().count("blk.0.attn_q.bias") > 0;
  config["mlp_bias"] = data.file().tensors().count("blk.0.ffn_gate.bias") > 0;
}

void declare_qwen3moe(const GgufMetadata& data, json& config) {
  set_experts(data, config, "num_experts");
  config["moe_intermediate_size"] = data.whole("expert_feed_forward_length");
  config["norm_topk_prob"] = data.boolean_or("expert_weights_norm", true);
}

// The number under the root of the attention's scale: of the largest models the heads' mean width, else their own.
void set_attention_scale(const GgufMetadata& data, json& config, std::int64_t layers_of_largest) {
  config["query_pre_attn_scalar"] = data.whole("block_count") == layers_of_largest
                                        ? data.whole("embedding_length") / data.whole("attention.head_count")
                                        : config["head_dim"].get<std::int64_t>();
}

void declare_gemma2(const GgufMetadata& data, json& config) {
  set_attention_scale(data, config, 46);
  config["sliding_window"] = data.whole_or("attention.sliding_window", 4096);
  for (const auto& [key, otherwise] :
       {std::pair{"attn_logit_softcapping", 50.0}, std::pair{"final_logit_softcapping", 30.0}}) {
    const double cap = data.number_or(key, otherwise);
    config[key] = cap == 0 ? json() : json(cap);
  }
}

void declare_gemma3(const GgufMetadata& data, json& config) {
  set_attention_scale(data, config, 62);
  config["sliding_window"] = data.whole("attention.sliding_window");
  if (data.has("final_logit_softcapping")) config["final_logit_softcapping"] = data.number("final_logit_softcapping");
  if (data.has("attention.sliding_window_pattern"))
    config["sliding_window_pattern"] = data.whole("attention.sliding_window_pattern");
  const json full = config["rope_parameters"];
  config["rope_parameters"] = {
      {"full_attention", full},
      {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", data.number_or("rope.freq_base_swa", 10000)}}}};
}

void declare_phi3(const GgufMetadata& data, json& config) {
  set_window(data, config);
  config["original_max_position_embeddings"] =
      data.whole_or("rope.scaling.original_context_length", data.whole("context_length"));
}

// OLMo 3 calls itself olmo2 too, and has a window.
void declare_olmo2(const GgufMetadata& data, json&) { data.refuse("attention.sliding_window"); }

struct Architecture {
  std::string_view name, model_type;
  bool has_interleaved_heads;
  void (*declare)(const GgufMetadata& data, json& config);
};
constexpr Architecture kArchitectures[] = {
    {"llama", "llama", true, declare_llama},          {"qwen2", "qwen2", false, declare_plain},
    {"qwen3", "qwen3", false, declare_plain},         {"qwen3moe", "qwen3_moe", false, declare_qwen3moe},
    {"gemma", "gemma", false, declare_plain},         {"gemma2", "gemma2", false, declare_gemma2},
    {"gemma3", "gemma3_text", false, declare_gemma3}, {"phi3", "phi3", false, declare_phi3},
    {"smollm3", "smollm3", true, declare_plain},      {"olmo2", "olmo2", false, declare_olmo2},
};

const Architecture& architecture_of(const GgufMetadata& data) {
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == data.architecture()) return architecture;
    known += (known.empty() ? "" : ", ") + std::string(architecture.name);
  }
  fail(ErrorKind::kBadFile, data.where(), ": found general.architecture '", data.architecture(), "', expected one of ",
       known, "; other architectures are not supported");
}

std::int64_t head_width(const GgufMetadata& data) {
  if (data.has("attention.key_length")) return data.whole("attention.key_length");
  const std::int64_t width = data.whole("embedding_length"), heads = data.whole("attention.head_count");
  HOLDFAST_CHECK(kBadFile, width % heads == 0, data.where(), ": found embedding_length ", width, " and ", heads,
                 " heads, expected a multiple, or attention.key_length; is the file damaged?");
  return width / heads;
}

}  // namespace

json gguf_config(const GgufFile& file) {
  const GgufMetadata data(file);
  const Architecture& architecture = architecture_of(data);
  const json split = file.metadata().value("split.count", json(0));
  HOLDFAST_CHECK(kBadFile, split == 0 || split == 1, data.where(), ": found a part of a model in ", brief(split),
                 " files, expected a whole one; try merging the parts with llama-gguf-split");
  for (const char* key :
       {"attention.clamp_kqv", "attention.max_alibi_bias", "attention.scale", "attention.output_scale",
        "attention.temperature_scale", "logit_scale", "embedding_scale", "residual_scale", "router_logit_softcapping",
        "expert_shared_count", "expert_group_count", "leading_dense_block_count", "interleave_moe_layer_step"})
    data.refuse(key);
  const json causal = data.has("attention.causal") ? data.value("attention.causal") : json(true);
  HOLDFAST_CHECK(kBadFile, causal == true, data.where(), ": found attention.causal ", brief(causal),
                 ", expected true; other models are not supported");
  HOLDFAST_CHECK(kBadFile, data.number_or("expert_weights_scale", 1) == 1, data.where(),
                 ": found expert_weights_scale ", data.number_or("expert_weights_scale", 1),
                 ", expected 1; this model is not supported");
  const auto embedding = file.tensors().find("token_embd.weight");
  HOLDFAST_CHECK(kBadFile, embedding != file.tensors().end() && embedding->second.shape.size() == 2, data.where(),
                 ": found no matrix token_embd.weight, expected one; is this the file of a language model?");

  const std::int64_t heads = data.whole("attention.head_count"), width = head_width(data);
  HOLDFAST_CHECK(kBadFile, data.whole_or("attention.value_length", width) == width, data.where(), ": found values ",
                 data.whole_or("attention.value_length", width), " wide and keys ", width,
                 ", expected one width; this model is not supported");
  json config = {{"model_type", architecture.model_type},
                 {"vocab_size", embedding->second.shape[0]},
                 {"hidden_size", data.whole("embedding_length")},
                 {"intermediate_size",
                  data.whole(data.has("feed_forward_length") ? "feed_forward_length" : "expert_feed_forward_length")},
                 {"num_hidden_layers", data.whole("block_count")},
                 {"num_attention_heads", heads},
                 {"num_key_value_heads", data.whole_or("attention.head_count_kv", heads)},
                 {"head_dim", width},
                 {"max_position_embeddings", data.whole("context_length")},
                 {"rms_norm_eps", data.number("attention.layer_norm_rms_epsilon")},
                 {"tie_word_embeddings", file.tensors().count("output.weight") == 0},
                 {"dtype", "float32"},
                 {"rope_parameters", gguf_rope(data, width)}};
  if (data.has_token("bos_token_id")) config["bos_token_id"] = data.token("bos_token_id");
  // Either ends an answer: the end of the text, and that of a turn where it is another.
  json ends = json::array();
  for (const char* key : {"eos_token_id", "eot_token_id"})
    if (data.has_token(key) && std::find(ends.begin(), ends.end(), data.token(key)) == ends.end())
      ends.push_back(data.token(key));
  if (!ends.empty()) config["eos_token_id"] = ends.size() == 1 ? ends[0] : ends;
  if (architecture.name != "llama" && file.tensors().count("blk.0.attn_output.bias") > 0)
    config["attention_bias"] = true;
  architecture.declare(data, config);
  return config;
}

bool has_interleaved_heads(const GgufFile& file) { return architecture_of(GgufMetadata(file)).has_interleaved_heads; }

}  // namespace holdfast::checkpoint
