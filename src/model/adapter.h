// A LoRA adapter: for each adapted projection W [out, in] of each layer a pair A [r, in], B [out, r], so that the layer
// computes  y = W x + s B (A x)  with s = alpha / r (rsLoRA: alpha / sqrt(r)).
//
// All A and B are views into one flat vector, so that the optimizer is one loop and a gradient has the same layout.
// Source: Hu et al., LoRA, arXiv:2106.09685.  Names and files are PEFT's (docs/formats/checkpoint.md).
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "checkpoint/hf_config.h"
#include "checkpoint/peft.h"

namespace holdfast::model {

using checkpoint::kProjections;
using checkpoint::Projection;

// "self_attn.q_proj", as in the checkpoint's names; empty when the model has no such layer.
const std::string& projection_name(const checkpoint::ModelConfig& config, Projection projection);

struct LoraPair {
  at::Tensor a, b;  // [r, in], [out, r]; empty when the layer has no adapter
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
  Adapter on(at::Device device) const;

  // `expert` -1: the layer's own projection.
  const LoraPair& pair(std::int64_t layer, Projection projection, std::int64_t expert = -1) const;
  at::Tensor& flat() { return flat_; }
  const at::Tensor& flat() const { return flat_; }  // [number of parameters]
  const checkpoint::AdapterConfig& config() const { return config_; }

 private:
  // An adapted linear layer, and where its A begins in the flat vector; B follows.
  struct Slot {
    checkpoint::LinearModule module;
    std::int64_t rank = 0, offset = 0;
    double scale = 0;
  };
  // Which pair a layer of the model has: indices into pairs_, the last of which is the empty pair.
  struct Places {
    checkpoint::PerProjection<std::size_t> own;
    std::vector<checkpoint::PerProjection<std::size_t>> experts;
  };
  Adapter(checkpoint::AdapterConfig config, std::vector<Slot> slots, at::TensorOptions options);
  static std::vector<Slot> plan(const checkpoint::ModelConfig& model, const checkpoint::AdapterConfig& config);

  checkpoint::AdapterConfig config_;
  std::vector<Slot> slots_;  // in the order of linear_modules
  at::Tensor flat_;
  std::vector<LoraPair> pairs_;  // one a slot, and an empty one
  std::vector<Places> places_;   // one a layer
};

}  // namespace holdfast::model
