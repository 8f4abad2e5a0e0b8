#include "checkpoint/expected_weights.h"

#include <set>
#include <sstream>

#include "base/error.h"
#include "checkpoint/experts.h"
#include "checkpoint/nf4_state.h"

namespace holdfast::checkpoint {
namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kHead = "lm_head.weight";

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

struct Part {
  std::string name;
  at::ScalarType dtype;
  std::vector<std::int64_t> shape;
};

// The tensors beside the codes, apart from the state, whose length is its own.
std::vector<Part> nf4_parts(const std::string& name, std::int64_t blocks, bool is_nested) {
  std::vector<Part> parts = {{name + ".absmax", is_nested ? at::kByte : at::kFloat, {blocks}},
                             {name + ".quant_map", at::kFloat, {16}}};
  if (is_nested) {
    parts.push_back({name + ".nested_absmax", at::kFloat, {(blocks + 255) / 256}});
    parts.push_back({name + ".nested_quant_map", at::kFloat, {256}});
  }
  return parts;
}

class Census {
 public:
  Census(const ModelConfig& config, const Weights& weights) : config_(config), weights_(weights) {
    for (const LinearModule& module : linear_modules(config)) linear_.insert(module.path + ".weight");
  }

  void expect(const ExpectedTensor& tensor) {
    known_.insert(tensor.name);
    if (!weights_.contains(tensor.name)) {
      faults_.push_back("'" + tensor.name + "' is missing");
    } else if (config_.is_four_bit && linear_.count(tensor.name) > 0 && is_four_bit(weights_, tensor.name)) {
      expect_nf4(tensor);
    } else if (holds_mxfp4_bytes(tensor.name)) {
      if (weights_.dtype(tensor.name) != at::kByte)
        faults_.push_back("'" + tensor.name + "' holds no bytes, expected uint8");
      else
        expect_shape(tensor.name, tensor.shape);
    } else if (!at::isFloatingType(weights_.dtype(tensor.name))) {
      faults_.push_back("'" + tensor.name + "' holds integers, expected floating-point numbers");
    } else {
      expect_shape(tensor.name, tensor.shape);
    }
  }
  void tolerate(const std::string& name) { known_.insert(name); }

  // Also names what nobody expected.
  std::vector<std::string> faults() {
    for (const std::string& name : weights_.names()) {
      const bool is_buffer = name.ends_with("rotary_emb.inv_freq");
      if (known_.count(name) == 0 && !is_buffer) faults_.push_back("'" + name + "' is superfluous");
    }
    return std::move(faults_);
  }

 private:
  // As many as the file has scales, where these are of blocks of a size that is known; else of blocks of 64.  Whether
  // the state says the same is seen when the weight is read.
  std::int64_t count_blocks(const std::string& name, std::int64_t size) const {
    if (weights_.contains(name + ".absmax")) {
      const std::vector<std::int64_t> scales = weights_.shape(name + ".absmax");
      for (const std::int64_t block : kStateBlockSizes)
        if (scales == std::vector<std::int64_t>{(size + block - 1) / block}) return scales[0];
    }
    return (size + 63) / 64;
  }
  void expect_shape(const std::string& name, const std::vector<std::int64_t>& shape) {
    if (weights_.shape(name) != shape)
      faults_.push_back("'" + name + "' is " + shape_text(weights_.shape(name)) + ", expected " + shape_text(shape));
  }
  void expect_nf4(const ExpectedTensor& tensor) {
    const std::int64_t size = tensor.shape[0] * tensor.shape[1];
    expect_shape(tensor.name, {(size + 1) / 2, 1});
    std::vector<Part> parts =
        nf4_parts(tensor.name, count_blocks(tensor.name, size), weights_.contains(tensor.name + ".nested_absmax"));
    const std::string state = tensor.name + state_suffix(config_.four_bit_type);
    parts.push_back({state, at::kByte, {}});
    for (const Part& part : parts) {
      known_.insert(part.name);
      if (!weights_.contains(part.name)) {
        faults_.push_back("'" + part.name + "' is missing");
      } else if (weights_.dtype(part.name) != part.dtype) {
        faults_.push_back("'" + part.name + "' holds " + c10::toString(weights_.dtype(part.name)) + ", expected " +
                          c10::toString(part.dtype));
      } else if (part.name != state) {
        expect_shape(part.name, part.shape);
      }
    }
  }

  const ModelConfig& config_;
  const Weights& weights_;
  std::vector<std::string> faults_;
  std::set<std::string> known_, linear_;
};

}  // namespace

bool is_four_bit(const Weights& weights, const std::string& name) { return weights.dtype(name) == at::kByte; }

std::vector<ExpectedTensor> expected_tensors(const ModelConfig& c) {
  std::vector<ExpectedTensor> tensors = {{kEmbedding, {c.vocab_size, c.hidden_size}}};
  const std::vector<LinearModule> modules = linear_modules(c);
  auto module = modules.begin();
  const std::int64_t query_width = c.has_wide_query_norm ? c.num_heads * c.head_dim : c.head_dim;
  const std::int64_t key_width = c.has_wide_query_norm ? c.num_kv_heads * c.head_dim : c.head_dim;
  for (std::int64_t layer = 0; layer < c.num_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const auto add = [&](const std::string& name, const char* suffix, std::vector<std::int64_t> shape) {
      if (!name.empty()) tensors.push_back({prefix + name + suffix, std::move(shape)});
    };
    for (const std::string* name :
         {&c.names.attention_norm, &c.names.attention_post_norm, &c.names.mlp_norm, &c.names.mlp_post_norm})
      add(*name, ".weight", {c.hidden_size});
    add(c.names.query_norm, ".weight", {query_width});
    add(c.names.key_norm, ".weight", {key_width});
    add(c.names.sinks, "", {c.num_heads});
    if (c.layer(layer).is_moe) {
      add(c.names.router, ".weight", {c.moe.num_experts, c.hidden_size});
      if (c.moe.has_biases) add(c.names.router, ".bias", {c.moe.num_experts});
      for (auto& [name, shape] : stacked_expert_tensors(c)) tensors.push_back({prefix + name, std::move(shape)});
    }
    for (; module != modules.end() && module->layer == layer; ++module) {
      if (module->expert >= 0 && c.moe.storage != ExpertStorage::kSeparate) continue;
      tensors.push_back({module->path + ".weight", {module->out_features, module->in_features}});
      if (module->has_bias) tensors.push_back({module->path + ".bias", {module->out_features}});
    }
  }
  tensors.push_back({"model.norm.weight", {c.hidden_size}});
  if (!c.tie_word_embeddings) tensors.push_back({kHead, {c.vocab_size, c.hidden_size}});
  return tensors;
}

std::string embedding_name(const ModelConfig& config, const Weights& weights) {
  return config.tie_word_embeddings && !weights.contains(kEmbedding) ? kHead : kEmbedding;
}

void check_weights(const ModelConfig& config, const Weights& weights, const std::filesystem::path& directory) {
  Census census(config, weights);
  for (ExpectedTensor tensor : expected_tensors(config)) {
    if (tensor.name == kEmbedding) tensor.name = embedding_name(config, weights);
    census.expect(tensor);
  }
  if (config.tie_word_embeddings) census.tolerate(kHead);
  const std::vector<std::string> faults = census.faults();
  if (faults.empty()) return;
  std::ostringstream list;
  for (std::size_t i = 0; i < std::min<std::size_t>(faults.size(), 5); ++i) list << (i > 0 ? "; " : "") << faults[i];
  if (faults.size() > 5) list << "; and " << faults.size() - 5 << " more";
  fail(ErrorKind::kBadFile, "[load] ", directory.string(),
       ": found tensors that do not match config.json, expected the layout of '", config.family, "': ", list.str(),
       "; is config.json of this checkpoint?");
}

}  // namespace holdfast::checkpoint
