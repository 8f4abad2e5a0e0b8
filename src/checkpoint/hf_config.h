// config.json and generation_config.json of the Llama architecture, checked key by key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::checkpoint {

struct RopeScaling {
  enum class Kind { kNone, kLinear, kLlama3 };
  Kind kind = Kind::kNone;
  double factor = 1, low_freq_factor = 1, high_freq_factor = 4;
  std::int64_t original_max_positions = 0;
};

struct ModelConfig {
  std::string family;  // "llama"
  std::int64_t vocab_size = 0, hidden_size = 0, intermediate_size = 0, num_layers = 0;
  std::int64_t num_heads = 0, num_kv_heads = 0, head_dim = 0, max_positions = 0;
  double rms_norm_eps = 1e-6, rope_theta = 10000;
  RopeScaling rope_scaling;
  bool tie_word_embeddings = false;
  bool is_nf4 = false;                      // quantization_config names bitsandbytes' NF4
  std::string stored_dtype;                 // as the file says, e.g. "bfloat16"; empty when it does not
  std::vector<std::int64_t> eos_token_ids;  // generation_config.json's where it has them, else config.json's
  std::optional<std::int64_t> bos_token_id;
};

// Throws Error(kBadFile) naming file, key, found, expected.  A family other than Llama, an unknown rope scaling, biases
// and quantisations other than bitsandbytes' NF4 are refused by name, never run as something near.
ModelConfig read_config(const std::filesystem::path& directory);

}  // namespace holdfast::checkpoint
