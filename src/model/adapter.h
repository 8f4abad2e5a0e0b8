// A LoRA adapter: for each adapted projection W [out, in] of each layer a pair A [r, in], B [out, r], so that the layer
// computes  y = W x + s B (A x)  with s = alpha / r (rsLoRA: alpha / sqrt(r)).
//
// All A and B are views into one flat vector, so that the optimizer is one loop and a gradient has the same layout.
// Source: Hu et al., LoRA, arXiv:2106.09685.  Names and files are PEFT's (docs/formats/checkpoint.md).
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "checkpoint/hf_config.h"
#include "checkpoint/peft.h"

namespace holdfast::model {

enum class Projection { kQuery, kKey, kValue, kOutput, kGate, kUp, kDown };
inline constexpr std::array kProjections = {Projection::kQuery,  Projection::kKey,  Projection::kValue,
                                            Projection::kOutput, Projection::kGate, Projection::kUp,
                                            Projection::kDown};

// "self_attn.q_proj", as in the checkpoint's names.
const char* projection_name(Projection projection);
// "model.layers.3.self_attn.q_proj".
std::string module_path(std::int64_t layer, Projection projection);

struct ProjectionShape {
  std::int64_t out_features, in_features;
};
ProjectionShape projection_shape(const checkpoint::ModelConfig& config, Projection projection);

struct LoraPair {
  at::Tensor a, b;  // [r, in], [out, r]; empty when the projection has no adapter
  double scale = 0;
  bool is_present() const { return a.defined(); }
};

class Adapter {
 public:
  // A fresh adapter: A uniform in +-1/sqrt(in) (PEFT's kaiming_uniform with a = sqrt 5), B zero.
  // Throws Error(kBadInput) when a target of `config` names no projection of the model.
  static Adapter fresh(const checkpoint::ModelConfig& model, const checkpoint::AdapterConfig& config,
                       std::uint64_t seed);
  // Throws Error(kBadFile) when a pair is missing, superfluous or of another shape than the model's.
  static Adapter load(const checkpoint::ModelConfig& model, const std::filesystem::path& directory);
  void save(const std::filesystem::path& directory) const;

  // Same layout, all zero: for gradients and optimizer state.
  Adapter zeros_like() const;
  Adapter to(at::ScalarType type) const;

  const LoraPair& pair(std::int64_t layer, Projection projection) const;
  at::Tensor& flat() { return flat_; }
  const at::Tensor& flat() const { return flat_; }  // [number of parameters]
  const checkpoint::AdapterConfig& config() const { return config_; }

 private:
  struct Slot {
    std::int64_t rank = 0, out_features = 0, in_features = 0, offset = 0;
    double scale = 0;
  };
  Adapter(checkpoint::AdapterConfig config, std::vector<Slot> slots, at::ScalarType type);
  static std::vector<Slot> plan(const checkpoint::ModelConfig& model, const checkpoint::AdapterConfig& config);

  checkpoint::AdapterConfig config_;
  std::vector<Slot> slots_;  // layer-major, in the order of kProjections; rank 0 where absent
  at::Tensor flat_;
  std::vector<LoraPair> pairs_;
};

}  // namespace holdfast::model
