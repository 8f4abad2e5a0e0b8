#include "checkpoint/llama_weights.h"

#include <set>
#include <sstream>

#include "base/error.h"

namespace holdfast::checkpoint {
namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kHead = "lm_head.weight";

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

std::vector<ExpectedTensor> expected_tensors(const ModelConfig& c) {
  const std::int64_t q = c.num_heads * c.head_dim, kv = c.num_kv_heads * c.head_dim;
  std::vector<ExpectedTensor> tensors = {{kEmbedding, {c.vocab_size, c.hidden_size}}};
  for (std::int64_t layer = 0; layer < c.num_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    tensors.push_back({prefix + "input_layernorm.weight", {c.hidden_size}});
    tensors.push_back({prefix + "post_attention_layernorm.weight", {c.hidden_size}});
    tensors.push_back({prefix + "self_attn.q_proj.weight", {q, c.hidden_size}});
    tensors.push_back({prefix + "self_attn.k_proj.weight", {kv, c.hidden_size}});
    tensors.push_back({prefix + "self_attn.v_proj.weight", {kv, c.hidden_size}});
    tensors.push_back({prefix + "self_attn.o_proj.weight", {c.hidden_size, q}});
    tensors.push_back({prefix + "mlp.gate_proj.weight", {c.intermediate_size, c.hidden_size}});
    tensors.push_back({prefix + "mlp.up_proj.weight", {c.intermediate_size, c.hidden_size}});
    tensors.push_back({prefix + "mlp.down_proj.weight", {c.hidden_size, c.intermediate_size}});
  }
  tensors.push_back({"model.norm.weight", {c.hidden_size}});
  if (!c.tie_word_embeddings) tensors.push_back({kHead, {c.vocab_size, c.hidden_size}});
  return tensors;
}

std::string embedding_name(const ModelConfig& config, const Weights& weights) {
  return config.tie_word_embeddings && !weights.contains(kEmbedding) ? kHead : kEmbedding;
}

void check_weights(const ModelConfig& config, const Weights& weights, const std::filesystem::path& directory) {
  std::vector<std::string> faults;
  std::set<std::string> known;
  for (auto& [name, shape] : expected_tensors(config)) {
    const std::string stored = name == kEmbedding ? embedding_name(config, weights) : name;
    known.insert(stored);
    if (!weights.contains(stored)) {
      faults.push_back("'" + stored + "' is missing");
    } else if (weights.shape(stored) != shape) {
      faults.push_back("'" + stored + "' is " + shape_text(weights.shape(stored)) + ", expected " + shape_text(shape));
    } else if (!at::isFloatingType(weights.dtype(stored))) {
      faults.push_back("'" + stored + "' holds integers, expected floating-point numbers");
    }
  }
  if (config.tie_word_embeddings) known.insert(kHead);
  for (const std::string& name : weights.names()) {
    const bool is_buffer = name.ends_with("rotary_emb.inv_freq");
    if (known.count(name) == 0 && !is_buffer) faults.push_back("'" + name + "' is superfluous");
  }
  if (faults.empty()) return;
  std::ostringstream list;
  for (std::size_t i = 0; i < std::min<std::size_t>(faults.size(), 5); ++i) list << (i > 0 ? "; " : "") << faults[i];
  if (faults.size() > 5) list << "; and " << faults.size() - 5 << " more";
  fail(ErrorKind::kBadFile, "[load] ", directory.string(),
       ": found tensors that do not match config.json, expected the Llama layout: ", list.str(),
       "; is config.json of this checkpoint?");
}

}  // namespace holdfast::checkpoint
