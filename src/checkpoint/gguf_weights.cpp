#include "checkpoint/gguf_weights.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.h"
#include "checkpoint/gguf_config.h"
#include "checkpoint/hf_config.h"

namespace holdfast::checkpoint {
namespace {

// "blk.3.attn_q.weight"; other names have no block.
struct GgufName {
  std::int64_t block = -1;
  std::string leaf, suffix;  // "attn_q", ".weight"
};

GgufName parse_name(const std::string& name) {
  GgufName parsed;
  std::string_view rest = name;
  if (rest.starts_with("blk.")) {
    const auto [end, error] = std::from_chars(rest.data() + 4, rest.data() + rest.size(), parsed.block);
    if (error != std::errc() || end == rest.data() + rest.size() || *end != '.') return {-1, name, ""};
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()) + 1);
  }
  const std::size_t dot = rest.rfind('.');
  parsed.leaf = rest.substr(0, dot);
  if (dot != std::string_view::npos) parsed.suffix = rest.substr(dot);
  return parsed;
}

// Below "model.layers.<i>.", without suffix; empty where the family has no such tensor.
std::string module_of(const TensorNames& names, const std::string& leaf) {
  const auto projection = [&](Projection p) { return names.projections[p]; };
  if (leaf == "attn_norm") return names.attention_norm;
  if (leaf == "post_attention_norm") return names.attention_post_norm;
  if (leaf == "ffn_norm") return names.mlp_norm;
  if (leaf == "post_ffw_norm") return names.mlp_post_norm;
  if (leaf == "attn_q_norm") return names.query_norm;
  if (leaf == "attn_k_norm") return names.key_norm;
  if (leaf == "ffn_gate_inp") return names.router;
  if (leaf == "attn_q") return projection(Projection::kQuery);
  if (leaf == "attn_k") return projection(Projection::kKey);
  if (leaf == "attn_v") return projection(Projection::kValue);
  if (leaf == "attn_qkv") return projection(Projection::kQueryKeyValue);
  if (leaf == "attn_output") return projection(Projection::kOutput);
  if (leaf == "ffn_gate") return projection(Projection::kGate);
  if (leaf == "ffn_down") return projection(Projection::kDown);
  if (leaf == "ffn_up")
    return projection(names.projections[Projection::kUp].empty() ? Projection::kGateUp : Projection::kUp);
  return "";
}

// The experts' own name of what is stacked.
std::string expert_part(const TensorNames& names, const std::string& leaf) {
  if (leaf == "ffn_gate_exps") return names.expert_gate;
  if (leaf == "ffn_up_exps") return names.expert_up;
  if (leaf == "ffn_down_exps") return names.expert_down;
  return "";
}

// Read with the config, and no weights.
bool is_of_rope(const std::string& leaf) {
  return leaf == "rope_freqs" || leaf == "rope_factors_short" || leaf == "rope_factors_long";
}

std::int64_t count_of(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

}  // namespace

GgufWeights::GgufWeights(const std::filesystem::path& path) : file_(path) {
  const ModelConfig config = read_config(file_);
  const bool is_interleaved = has_interleaved_heads(file_);
  std::vector<std::pair<const char*, std::string>> ends;
  for (const auto& [name, tensor] : file_.tensors()) {
    const std::string where = "[gguf] " + path.string() + ": tensor '" + name + "': ";
    const GgufBlockFormat* format = gguf_block_format(tensor.type);
    HOLDFAST_CHECK(kBadFile, format != nullptr, where, "found block format ", tensor.type,
                   ", expected F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 or Q2_K to Q6_K; try another file of this "
                   "model");
    HOLDFAST_CHECK(kBadFile, tensor.shape.back() % format->weights == 0, where, "found rows of ", tensor.shape.back(),
                   " in ", format->name, ", expected a multiple of ", format->weights, "; is the file damaged?");
    const auto size = static_cast<std::uint64_t>(count_of(tensor.shape) / format->weights * format->bytes);
    const Source whole = {format, file_.bytes(name, size), tensor.shape};
    ends.emplace_back(whole.bytes.data(), name);
    if (!is_of_rope(parse_name(name).leaf)) add(config, name, whole, is_interleaved);
  }
  std::sort(ends.begin(), ends.end());
  for (std::size_t i = 1; i < ends.size(); ++i) {
    const GgufTensor& before = file_.tensors().at(ends[i - 1].second);
    const GgufBlockFormat& format = *gguf_block_format(before.type);
    HOLDFAST_CHECK(kBadFile,
                   ends[i - 1].first + count_of(before.shape) / format.weights * format.bytes <= ends[i].first,
                   "[gguf] ", path.string(), ": tensors '", ends[i - 1].second, "' and '", ends[i].second,
                   "': found bytes of both, expected each by itself; is the file damaged?");
  }
}

void GgufWeights::add(const ModelConfig& config, const std::string& name, const Source& whole, bool is_interleaved) {
  const auto insert = [&](const std::string& as, const Source& source) {
    HOLDFAST_CHECK(kBadFile, sources_.emplace(as, source).second, "[gguf] ", file_.path().string(), ": tensor '", name,
                   "': found a second one that means '", as, "', expected one; is the file damaged?");
  };
  const auto [block, leaf, suffix] = parse_name(name);
  Source source = whole;
  source.holds_added_one = config.norm_adds_one && leaf.ends_with("norm") && suffix == ".weight";
  if (block < 0) {
    insert(leaf == "token_embd"    ? "model.embed_tokens" + suffix
           : leaf == "output_norm" ? "model.norm" + suffix
           : leaf == "output"      ? "lm_head" + suffix
                                   : name,
           source);
    return;
  }
  const std::string prefix = "model.layers." + std::to_string(block) + ".";
  const std::string part = expert_part(config.names, leaf);
  if (!part.empty() && !config.names.experts.empty() && whole.shape.size() == 3) {
    HOLDFAST_CHECK(kBadFile, whole.shape[0] == config.moe.num_experts, "[gguf] ", file_.path().string(), ": tensor '",
                   name, "': found ", whole.shape[0], " experts, expected ", config.moe.num_experts,
                   "; is the file damaged?");
    const std::size_t size = whole.bytes.size() / static_cast<std::size_t>(whole.shape[0]);
    source.shape.erase(source.shape.begin());
    for (std::int64_t expert = 0; expert < whole.shape[0]; ++expert) {
      source.bytes = whole.bytes.substr(static_cast<std::size_t>(expert) * size, size);
      insert(prefix + config.names.experts + "." + std::to_string(expert) + "." + part + suffix, source);
    }
    return;
  }
  const std::string module = module_of(config.names, leaf);
  const std::int64_t heads = leaf == "attn_q" ? config.num_heads : leaf == "attn_k" ? config.num_kv_heads : 0;
  if (is_interleaved && heads > 0 && whole.shape[0] % (2 * heads) == 0) source.interleaved_heads = heads;
  insert(module.empty() ? name : prefix + module + suffix, source);
}

std::vector<std::string> GgufWeights::names() const {
  std::vector<std::string> names;
  for (const auto& [name, source] : sources_) names.push_back(name);
  return names;
}

at::Tensor GgufWeights::tensor(const std::string& name) const {
  const Source& source = sources_.at(name);
  at::Tensor out = at::empty(source.shape, at::kFloat);
  widen_gguf(*source.format, reinterpret_cast<const std::uint8_t*>(source.bytes.data()),
             out.numel() / source.format->weights, out.data_ptr<float>());
  if (source.holds_added_one) out.sub_(1);
  if (source.interleaved_heads == 0) return out;
  const std::int64_t h = source.interleaved_heads, half = source.shape[0] / h / 2;
  return out.view({h, half, 2, -1}).transpose(1, 2).contiguous().view(source.shape);
}

void GgufWeights::release(const std::string& name, ByteRange bytes) const {
  if (bytes.is_all()) file_.release(sources_.at(name).bytes);
}

std::string GgufWeights::stored_type(const std::string& name) const {
  return std::string(sources_.at(name).format->name);
}

std::int64_t GgufWeights::stored_bytes(const std::string& name) const {
  return static_cast<std::int64_t>(sources_.at(name).bytes.size());
}

}  // namespace holdfast::checkpoint
