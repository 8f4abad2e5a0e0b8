// A family of models: how its config.json becomes a ModelConfig.
//
// Adding one is a file like mistral.cpp beside this and its name in families.cpp; CONTRIBUTING.md, "Adding a family".
#pragma once

#include <span>
#include <string_view>

#include "checkpoint/config_reader.h"
#include "checkpoint/model_config.h"

namespace holdfast::checkpoint {

struct Family {
  std::string_view model_type;  // as config.json says it
  std::string_view title;
  void (*declare)(const ConfigReader& root, ModelConfig& config);
  bool reads_quantised = false;  // looks at quantization_config itself
};

// All that can be run.
std::span<const Family* const> families();

// Sizes, activation, biases, tied head.  What `config` holds before are the family's own defaults for absent keys.
struct CommonRules {
  bool gelu_means_tanh = false;
};
void read_common(const ConfigReader& root, ModelConfig& config, const CommonRules& rules = {});

// One set of rotary angles from rope_parameters (its object `layer_type` where it is nested) or, in older files,
// rope_scaling and rope_theta.  Only families that turn a part of each head accept a partial_rotary_factor.
struct RopeRules {
  double theta = 10000;
  bool may_be_partial = false;
  bool yarn_is_longrope = false;            // older files of the family say so
  std::int64_t original_max_positions = 0;  // the family's, where the file has no such key; 0: see there
  const char* layer_type = nullptr;         // "full_attention"
  const char* theta_key = "rope_theta";     // of older files
  bool ignores_old_scaling = false;         // rope_scaling of older files is for other layers
};
Rope read_rope(const ConfigReader& root, const ModelConfig& config, const RopeRules& rules);

// The window of every layer: those that `layer_types` calls sliding_attention, else those that `is_sliding` names.
// `window` 0: none.
void set_windows(const ConfigReader& root, ModelConfig& config, std::int64_t window,
                 bool (*is_sliding)(const ConfigReader& root, std::int64_t layer));
// The key sliding_window, 0 where it is absent or null.
std::int64_t window_of(const ConfigReader& root);

void set_attention_biases(ModelConfig& config, bool has_bias);

}  // namespace holdfast::checkpoint
