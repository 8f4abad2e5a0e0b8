#include "checkpoint/peft.h"

#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/error.h"
#include "base/files.h"
#include "checkpoint/brief.h"
#include "checkpoint/safetensors.h"

namespace holdfast::checkpoint {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "base_model.model.";

constexpr std::int64_t kMaxRank = 65536;

// The library's matcher calls itself for every bracket and tries every way through a pattern.  Deep nests are refused,
// and its other algorithm takes no more than length of pattern times length of text.
bool full_match(const std::string& text, const std::string& pattern) {
  HOLDFAST_CHECK(kBadFile, pattern.size() <= 4000 && std::count(pattern.begin(), pattern.end(), '(') <= 100,
                 "[adapter] found a target pattern of ", pattern.size(),
                 " characters, expected at most 4000, and 100 brackets; try a list of module names");
  auto syntax = std::regex::ECMAScript;
#ifdef __GLIBCXX__
  syntax |= std::regex_constants::__polynomial;
#endif
  try {
    return std::regex_match(text, std::regex(pattern, syntax));
  } catch (const std::regex_error& error) {
    fail(ErrorKind::kBadFile, "[adapter] found target pattern '", pattern, "', expected a regular expression (",
         error.what(), ")");
  }
}

// PEFT's rule for lists and for the keys of rank_pattern: the whole path, or its end after a dot.
bool ends_with_module(const std::string& module, const std::string& name) {
  return module == name || module.ends_with("." + name);
}

template <typename T>
T pattern_value(const std::vector<std::pair<std::string, T>>& patterns, const std::string& module, T otherwise) {
  for (const auto& [pattern, value] : patterns) {
    if (full_match(module, "(.*\\.)?(" + pattern + ")")) return value;
  }
  return otherwise;
}

template <typename T>
ordered_json object_of(const std::vector<std::pair<std::string, T>>& patterns) {
  ordered_json object = ordered_json::object();
  for (const auto& [pattern, value] : patterns) object[pattern] = value;
  return object;
}

// Features whose presence changes the mathematics, with the value that means "off".
void refuse_what_cannot_run(const ordered_json& config, const std::string& where) {
  for (const char* key : {"use_dora", "lora_bias", "fan_in_fan_out", "use_qalora", "use_bdlora", "layer_replication",
                          "modules_to_save", "trainable_token_indices", "layers_to_transform", "megatron_config",
                          "alora_invocation_tokens", "exclude_modules", "arrow_config", "velora_config"}) {
    if (!config.contains(key)) continue;
    const auto& value = config[key];
    const bool is_off = value.is_null() || value == false || (value.is_structured() && value.empty());
    HOLDFAST_CHECK(kBadFile, is_off, where, ": found '", key, "' = ", brief(value),
                   ", expected it unset: this feature is not supported; try a plain LoRA adapter");
  }
  const auto bias = config.value("bias", ordered_json("none"));
  HOLDFAST_CHECK(kBadFile, bias == "none", where, ": found 'bias' = ", brief(bias),
                 ", expected \"none\": trained biases are not supported");
}

}  // namespace

bool AdapterConfig::targets(const std::string& module) const {
  for (const std::string& target : target_modules) {
    if (target_is_pattern ? full_match(module, target) : target == "all-linear" || ends_with_module(module, target))
      return true;
  }
  return false;
}

std::int64_t AdapterConfig::rank_of(const std::string& module) const {
  return pattern_value(rank_pattern, module, rank);
}

double AdapterConfig::scale_of(const std::string& module) const {
  const double a = pattern_value(alpha_pattern, module, alpha), r = static_cast<double>(rank_of(module));
  return use_rslora ? a / std::sqrt(r) : a / r;
}

AdapterConfig read_adapter_config(const fs::path& directory) {
  const fs::path path = directory / "adapter_config.json";
  HOLDFAST_CHECK(kBadFile, fs::exists(path), "[adapter] found no adapter_config.json in ", directory.string(),
                 ", expected a PEFT adapter directory; try the directory that holds it");
  const auto json = ordered_json::parse(read_file(path), nullptr, false);
  const std::string where = "[adapter] " + path.string();
  HOLDFAST_CHECK(kBadFile, json.is_object(), where, ": found no JSON object, expected one; is the download complete?");
  const auto type = json.value("peft_type", ordered_json("LORA"));
  HOLDFAST_CHECK(kBadFile, type == "LORA", where, ": found peft_type ", brief(type), ", expected \"LORA\"");
  refuse_what_cannot_run(json, where);

  AdapterConfig config;
  const auto require = [&](bool is_good, const char* key, const char* expected) {
    HOLDFAST_CHECK(kBadFile, is_good, where, ": found '", key,
                   "' = ", json.contains(key) ? brief(json[key]) : std::string("nothing"), ", expected ", expected);
  };
  const auto is_rank = [](const ordered_json& value) {
    return value.is_number_unsigned() && value.get<std::uint64_t>() >= 1 && value.get<std::uint64_t>() <= kMaxRank;
  };
  require(json.contains("r") && is_rank(json["r"]), "r", "a whole number from 1 to 65536");
  config.rank = json["r"].get<std::int64_t>();
  require(json.contains("lora_alpha") && json["lora_alpha"].is_number(), "lora_alpha", "a number");
  config.alpha = json["lora_alpha"].get<double>();
  const auto use_rslora = json.value("use_rslora", ordered_json(false));
  require(use_rslora.is_boolean() || use_rslora.is_null(), "use_rslora", "true or false");
  config.use_rslora = use_rslora == true;
  require(json.contains("target_modules") && (json["target_modules"].is_string() || json["target_modules"].is_array()),
          "target_modules", "a list of module names, a pattern or \"all-linear\"");
  if (json["target_modules"].is_string()) {
    config.target_modules = {json["target_modules"].get<std::string>()};
    config.target_is_pattern = config.target_modules[0] != "all-linear";
  } else {
    config.target_modules.clear();
    for (const auto& name : json["target_modules"]) {
      require(name.is_string(), "target_modules", "a list of texts");
      config.target_modules.push_back(name.get<std::string>());
    }
  }
  if (json.contains("target_parameters") && !json["target_parameters"].is_null()) {
    require(json["target_parameters"].is_array(), "target_parameters", "a list of parameter names");
    for (const auto& name : json["target_parameters"]) {
      require(name.is_string(), "target_parameters", "a list of texts");
      config.target_parameters.push_back(name.get<std::string>());
    }
  }
  for (const char* key : {"rank_pattern", "alpha_pattern"}) {
    if (!json.contains(key) || json[key].is_null()) continue;
    require(json[key].is_object(), key, "an object of numbers");
    for (const auto& [pattern, value] : json[key].items()) {
      if (std::string_view(key) == "rank_pattern") {
        require(is_rank(value), key, "an object of whole numbers from 1 to 65536");
        config.rank_pattern.emplace_back(pattern, value.get<std::int64_t>());
      } else {
        require(value.is_number() && value.get<double>() > 0, key, "an object of positive numbers");
        config.alpha_pattern.emplace_back(pattern, value.get<double>());
      }
    }
  }
  if (json.contains("base_model_name_or_path") && json["base_model_name_or_path"].is_string()) {
    config.base_model = json["base_model_name_or_path"].get<std::string>();
  }
  return config;
}

std::map<std::string, LoraWeights> read_adapter_weights(const fs::path& directory) {
  const fs::path path = directory / "adapter_model.safetensors";
  HOLDFAST_CHECK(kBadFile, fs::exists(path), "[adapter] found no adapter_model.safetensors in ", directory.string(),
                 ", expected it beside adapter_config.json; try saving the adapter as safetensors");
  const SafetensorsFile file(path);
  std::map<std::string, LoraWeights> weights;
  for (const std::string& name : file.names()) {
    std::string module = name;
    const bool is_a = module.ends_with(".lora_A.weight"), is_b = module.ends_with(".lora_B.weight");
    HOLDFAST_CHECK(
        kBadFile, module.starts_with(kPrefix) && (is_a || is_b), "[adapter] ", path.string(), ": found tensor '", name,
        "', expected base_model.model.<module>.lora_A.weight or .lora_B.weight; this kind of adapter is not supported");
    module = module.substr(kPrefix.size(), module.size() - kPrefix.size() - std::string_view(".lora_A.weight").size());
    const at::Tensor value = file.tensor(name).to(at::kFloat).contiguous();
    HOLDFAST_CHECK(kBadFile, value.dim() == 2, "[adapter] ", path.string(), ": found tensor '", name, "' with ",
                   value.dim(), " dimensions, expected 2");
    HOLDFAST_CHECK(kBadFile, at::isfinite(value).all().item<bool>(), "[adapter] ", path.string(),
                   ": found a value in '", name, "' that is not finite, expected numbers; was the training stable?");
    (is_a ? weights[module].a : weights[module].b) = value;
  }
  for (const auto& [module, pair] : weights) {
    HOLDFAST_CHECK(kBadFile, pair.a.defined() && pair.b.defined(), "[adapter] ", path.string(),
                   ": found only one of lora_A and lora_B for '", module,
                   "', expected both; is the download complete?");
    HOLDFAST_CHECK(kBadFile, pair.a.size(0) == pair.b.size(1), "[adapter] ", path.string(), ": found rank ",
                   pair.a.size(0), " in lora_A and ", pair.b.size(1), " in lora_B of '", module,
                   "', expected the same");
  }
  return weights;
}

void write_adapter(const fs::path& directory, const AdapterConfig& config,
                   const std::map<std::string, LoraWeights>& weights) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const auto& [module, pair] : weights) {
    for (const auto& [suffix, value] : {std::pair{".lora_A.weight", pair.a}, std::pair{".lora_B.weight", pair.b}}) {
      HOLDFAST_CHECK(kBadInput, at::isfinite(value).all().item<bool>(),
                     "[adapter] found a value that is not finite in ", module, suffix,
                     ", expected numbers; try a smaller learning rate");
      tensors.emplace_back(std::string(kPrefix) + module + suffix, value.to(at::kFloat));
    }
  }
  // Only keys that every PEFT of the last years knows: unknown ones made older versions refuse the file.
  ordered_json json = {{"alpha_pattern", object_of(config.alpha_pattern)},
                       {"auto_mapping", nullptr},
                       {"base_model_name_or_path", config.base_model},
                       {"bias", "none"},
                       {"fan_in_fan_out", false},
                       {"inference_mode", true},
                       {"init_lora_weights", true},
                       {"layers_pattern", nullptr},
                       {"layers_to_transform", nullptr},
                       {"lora_alpha", config.alpha},
                       {"lora_dropout", 0.0},
                       {"modules_to_save", nullptr},
                       {"peft_type", "LORA"},
                       {"r", config.rank},
                       {"rank_pattern", object_of(config.rank_pattern)},
                       {"revision", nullptr},
                       {"task_type", "CAUSAL_LM"},
                       {"use_rslora", config.use_rslora}};
  if (config.alpha == std::floor(config.alpha)) json["lora_alpha"] = static_cast<std::int64_t>(config.alpha);
  if (config.target_is_pattern || config.target_modules == std::vector<std::string>{"all-linear"}) {
    json["target_modules"] = config.target_modules[0];
  } else {
    json["target_modules"] = config.target_modules;
  }
  std::error_code error;
  fs::create_directories(directory, error);
  HOLDFAST_CHECK(kMachine, !error, "[adapter] cannot make directory ", directory.string(), ": ", error.message(),
                 "; try another place");
  write_safetensors(directory / "adapter_model.safetensors", tensors, {{"format", "pt"}});
  write_file_atomic(directory / "adapter_config.json", json.dump(2) + "\n");
}

}  // namespace holdfast::checkpoint
