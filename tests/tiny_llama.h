// A small Llama checkpoint with random weights, written where a test wants it.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>

#include "base/files.h"
#include "base/random.h"
#include "checkpoint/expected_weights.h"
#include "checkpoint/hf_config.h"
#include "checkpoint/safetensors.h"

namespace holdfast::testing {

// A directory of the test's own, removed with all it holds at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast_test_XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct TinyLlama {
  std::int64_t vocabulary = 97, width = 64, ffn = 96, layers = 2, heads = 4, kv_heads = 4, head_dim = 16;
  bool is_tied = false;
};

// Normal numbers of the given deviation.
inline at::Tensor random_tensor(at::IntArrayRef shape, Random& random, double deviation, at::ScalarType type) {
  const at::Tensor values = at::empty(shape, at::kDouble);
  double* data = values.data_ptr<double>();
  for (std::int64_t i = 0; i < values.numel(); ++i) data[i] = deviation * random.normal();
  return values.to(type);
}

// Writes config.json and model.safetensors (float) and returns the tensors written.
inline std::map<std::string, at::Tensor> write_tiny_llama(const std::filesystem::path& directory,
                                                          const TinyLlama& model, std::uint64_t seed = 1) {
  const nlohmann::json config = {{"model_type", "llama"},
                                 {"vocab_size", model.vocabulary},
                                 {"hidden_size", model.width},
                                 {"intermediate_size", model.ffn},
                                 {"num_hidden_layers", model.layers},
                                 {"num_attention_heads", model.heads},
                                 {"num_key_value_heads", model.kv_heads},
                                 {"head_dim", model.head_dim},
                                 {"rms_norm_eps", 1e-5},
                                 {"rope_theta", 10000.0},
                                 {"max_position_embeddings", 1024},
                                 {"tie_word_embeddings", model.is_tied},
                                 {"bos_token_id", 1},
                                 {"eos_token_id", 2}};
  write_file_atomic(directory / "config.json", config.dump(2));
  Random random(seed);
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, shape] : checkpoint::expected_tensors(checkpoint::read_config(directory))) {
    at::Tensor value = random_tensor(shape, random, 1.0 / std::sqrt(static_cast<double>(shape.back())), at::kFloat);
    if (shape.size() == 1) value.add_(1);  // norms lie around one
    tensors[name] = value;
  }
  checkpoint::write_safetensors(directory / "model.safetensors", {tensors.begin(), tensors.end()});
  return tensors;
}

}  // namespace holdfast::testing
