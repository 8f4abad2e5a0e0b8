#include "model/adapter.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/memory.h"
#include "model/fused_experts.h"

namespace holdfast::model {

namespace {

std::string last_part(const std::string& path) { return path.substr(path.rfind('.') + 1); }

// The short names of all linear layers, each once, in the order of the first layer that has them: "q_proj", ...
std::vector<std::string> module_names(const std::vector<checkpoint::LinearModule>& modules) {
  std::vector<std::string> names;
  for (const auto& module : modules) {
    if (!module.is_adaptable) continue;
    std::string name = last_part(module.path);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

// What training holds of an adapter: weights, gradient and two moments, in fp32.
void check_memory(const checkpoint::ModelConfig& model, const checkpoint::AdapterConfig& config) {
  double numbers = 0;
  for (const auto& module : checkpoint::linear_modules(model)) {
    if (module.is_adaptable && config.targets(module.path))
      numbers += static_cast<double>(config.rank_of(module.path)) *
                 static_cast<double>(module.out_features + module.in_features);
  }
  const double gigabytes = numbers * 4 * 4 / 1e9, free = static_cast<double>(available_memory_bytes()) / 1e9;
  HOLDFAST_CHECK(kMachine, free <= 0 || gigabytes <= free, "[adapter] found rank ", config.rank,
                 ", whose adapter takes ", gigabytes, " GB to train, expected at most the ", free,
                 " GB that are free; try a smaller rank");
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

const std::string& projection_name(const checkpoint::ModelConfig& config, Projection projection) {
  return config.names.projections[projection];
}

std::vector<Adapter::Slot> Adapter::plan(const checkpoint::ModelConfig& model,
                                         const checkpoint::AdapterConfig& config) {
  const std::vector<checkpoint::LinearModule> modules = checkpoint::linear_modules(model);
  std::vector<Slot> slots;
  std::int64_t offset = 0;
  for (const auto& module : modules) {
    if (!module.is_adaptable || !config.targets(module.path)) continue;
    slots.push_back({module, config.rank_of(module.path), offset, config.scale_of(module.path)});
    offset += slots.back().rank * (module.out_features + module.in_features);
  }
  HOLDFAST_CHECK(kBadInput, offset > 0, "[adapter] found no layer that the targets name, expected some of ",
                 joined(module_names(modules)), "; try all-linear");
  return slots;
}

Adapter::Adapter(checkpoint::AdapterConfig config, std::vector<Slot> slots, at::TensorOptions options)
    : config_(std::move(config)), slots_(std::move(slots)) {
  std::int64_t total = 0;
  for (const Slot& slot : slots_) total += slot.rank * (slot.module.out_features + slot.module.in_features);
  flat_ = at::zeros({total}, options);
  const std::size_t none = slots_.size();
  for (const Slot& slot : slots_) {
    const auto& [layer, projection, expert, path, out_features, in_features, has_bias, is_adaptable] = slot.module;
    const std::int64_t size_a = slot.rank * in_features, size_b = out_features * slot.rank;
    checkpoint::PerProjection<std::size_t> empty;
    empty.fill(none);
    if (layer >= static_cast<std::int64_t>(places_.size())) places_.resize(layer + 1, Places{empty, {}});
    Places& places = places_[layer];
    if (expert >= static_cast<std::int64_t>(places.experts.size())) places.experts.resize(expert + 1, empty);
    (expert < 0 ? places.own : places.experts[expert])[projection] = pairs_.size();
    pairs_.push_back({flat_.narrow(0, slot.offset, size_a).view({slot.rank, in_features}),
                      flat_.narrow(0, slot.offset + size_a, size_b).view({out_features, slot.rank}), slot.scale});
  }
  pairs_.emplace_back();
}

Adapter Adapter::fresh(const checkpoint::ModelConfig& model, const checkpoint::AdapterConfig& config,
                       std::uint64_t seed) {
  if (!config.target_is_pattern) {
    const std::vector<checkpoint::LinearModule> modules = checkpoint::linear_modules(model);
    for (const std::string& target : config.target_modules) {
      checkpoint::AdapterConfig alone = config;
      alone.target_modules = {target};
      const bool is_known = std::any_of(modules.begin(), modules.end(), [&](const auto& module) {
        return module.is_adaptable && alone.targets(module.path);
      });
      HOLDFAST_CHECK(kBadInput, is_known, "[adapter] found target '", target, "', expected all-linear or some of ",
                     joined(module_names(modules)), "; try all-linear");
    }
  }
  check_memory(model, config);
  Adapter adapter(config, plan(model, config), at::kFloat);
  Random random(seed, /*stream=*/0xada);
  for (const LoraPair& pair : adapter.pairs_) {
    if (!pair.is_present()) continue;
    const double bound = 1.0 / std::sqrt(static_cast<double>(pair.a.size(1)));
    float* a = pair.a.data_ptr<float>();
    for (std::int64_t i = 0; i < pair.a.numel(); ++i) a[i] = static_cast<float>((2 * random.uniform() - 1) * bound);
  }
  return adapter;
}

Adapter Adapter::load(const checkpoint::ModelConfig& model, const std::filesystem::path& directory) {
  const std::string where = "[adapter] " + directory.string() + ": ";
  checkpoint::AdapterConfig config = checkpoint::read_adapter_config(directory);
  auto weights = checkpoint::read_adapter_weights(directory);
  unfuse_experts(model, where, config, weights);
  std::vector<Slot> slots = plan(model, config);
  std::vector<checkpoint::LoraWeights> stored;
  for (const auto& [module, rank, offset, scale] : slots) {
    const auto found = weights.find(module.path);
    HOLDFAST_CHECK(kBadFile, found != weights.end(), where, "found no weights for '", module.path,
                   "', which adapter_config.json targets; is the adapter of this model?");
    const auto& [a, b] = found->second;
    HOLDFAST_CHECK(
        kBadFile,
        a.size(0) == rank && a.size(1) == module.in_features && b.size(0) == module.out_features && b.size(1) == rank,
        where, "found '", module.path, "' with lora_A [", a.size(0), ", ", a.size(1), "] and lora_B [", b.size(0), ", ",
        b.size(1), "], expected [", rank, ", ", module.in_features, "] and [", module.out_features, ", ", rank,
        "]; is the adapter of this model?");
    stored.push_back(found->second);
    weights.erase(found);
  }
  HOLDFAST_CHECK(kBadFile, weights.empty(), where, "found weights for '",
                 weights.empty() ? std::string() : weights.begin()->first,
                 "', which is no adapted projection of this model; is the adapter of another one?");
  Adapter adapter(config, std::move(slots), at::kFloat);
  for (std::size_t i = 0; i < stored.size(); ++i) {
    LoraPair& pair = adapter.pairs_[i];
    if (!pair.is_present()) continue;
    pair.a.copy_(stored[i].a);
    pair.b.copy_(stored[i].b);
  }
  return adapter;
}

void Adapter::save(const std::filesystem::path& directory) const {
  std::map<std::string, checkpoint::LoraWeights> weights;
  std::vector<checkpoint::LinearModule> modules;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    weights[slots_[i].module.path] = {pairs_[i].a.cpu(), pairs_[i].b.cpu()};
    modules.push_back(slots_[i].module);
  }
  checkpoint::AdapterConfig config = config_;
  if (!config.target_is_pattern && config.target_modules == std::vector<std::string>{"all-linear"}) {
    // Named one by one: peft's "all-linear" means other layers in some families.
    config.target_modules = module_names(modules);
  }
  checkpoint::write_adapter(directory, config, weights);
}

Adapter Adapter::zeros_like() const { return Adapter(config_, slots_, flat_.options()); }

Adapter Adapter::to(at::ScalarType type) const {
  Adapter other(config_, slots_, flat_.options().dtype(type));
  other.flat_.copy_(flat_);
  return other;
}

Adapter Adapter::on(at::Device device) const {
  Adapter other(config_, slots_, flat_.options().device(device));
  other.flat_.copy_(flat_);
  return other;
}

const LoraPair& Adapter::pair(std::int64_t layer, Projection projection, std::int64_t expert) const {
  if (layer >= static_cast<std::int64_t>(places_.size())) return pairs_.back();
  const Places& places = places_[layer];
  if (expert < 0) return pairs_[places.own[projection]];
  return expert < static_cast<std::int64_t>(places.experts.size()) ? pairs_[places.experts[expert][projection]]
                                                                   : pairs_.back();
}

}  // namespace holdfast::model
