#include "model/adapter.h"

#include <ATen/ops/zeros.h>

#include <cmath>

#include "base/error.h"

namespace holdfast::model {

const char* projection_name(Projection projection) {
  switch (projection) {
    case Projection::kQuery:
      return "self_attn.q_proj";
    case Projection::kKey:
      return "self_attn.k_proj";
    case Projection::kValue:
      return "self_attn.v_proj";
    case Projection::kOutput:
      return "self_attn.o_proj";
    case Projection::kGate:
      return "mlp.gate_proj";
    case Projection::kUp:
      return "mlp.up_proj";
    case Projection::kDown:
      return "mlp.down_proj";
  }
  HOLDFAST_ASSERT(false);
}

std::string module_path(std::int64_t layer, Projection projection) {
  return "model.layers." + std::to_string(layer) + "." + projection_name(projection);
}

ProjectionShape projection_shape(const checkpoint::ModelConfig& c, Projection projection) {
  const std::int64_t q = c.num_heads * c.head_dim, kv = c.num_kv_heads * c.head_dim;
  switch (projection) {
    case Projection::kQuery:
      return {q, c.hidden_size};
    case Projection::kKey:
    case Projection::kValue:
      return {kv, c.hidden_size};
    case Projection::kOutput:
      return {c.hidden_size, q};
    case Projection::kGate:
    case Projection::kUp:
      return {c.intermediate_size, c.hidden_size};
    case Projection::kDown:
      return {c.hidden_size, c.intermediate_size};
  }
  HOLDFAST_ASSERT(false);
}

std::vector<Adapter::Slot> Adapter::plan(const checkpoint::ModelConfig& model,
                                         const checkpoint::AdapterConfig& config) {
  std::vector<Slot> slots;
  std::int64_t offset = 0;
  for (std::int64_t layer = 0; layer < model.num_layers; ++layer) {
    for (const Projection projection : kProjections) {
      Slot slot;
      const std::string module = module_path(layer, projection);
      if (config.targets(module)) {
        const auto [out, in] = projection_shape(model, projection);
        slot = {config.rank_of(module), out, in, offset, config.scale_of(module)};
        offset += slot.rank * (out + in);
      }
      slots.push_back(slot);
    }
  }
  HOLDFAST_CHECK(kBadInput, offset > 0,
                 "[adapter] found no layer that the targets name, expected some of q_proj, k_proj, v_proj, o_proj, "
                 "gate_proj, up_proj, down_proj; try all-linear");
  return slots;
}

Adapter::Adapter(checkpoint::AdapterConfig config, std::vector<Slot> slots, at::ScalarType type)
    : config_(std::move(config)), slots_(std::move(slots)) {
  std::int64_t total = 0;
  for (const Slot& slot : slots_) total += slot.rank * (slot.out_features + slot.in_features);
  flat_ = at::zeros({total}, type);
  for (const Slot& slot : slots_) {
    LoraPair pair;
    if (slot.rank > 0) {
      const std::int64_t size_a = slot.rank * slot.in_features, size_b = slot.out_features * slot.rank;
      pair.a = flat_.narrow(0, slot.offset, size_a).view({slot.rank, slot.in_features});
      pair.b = flat_.narrow(0, slot.offset + size_a, size_b).view({slot.out_features, slot.rank});
      pair.scale = slot.scale;
    }
    pairs_.push_back(std::move(pair));
  }
}

Adapter Adapter::fresh(const checkpoint::ModelConfig& model, const checkpoint::AdapterConfig& config,
                       std::uint64_t seed) {
  if (!config.target_is_pattern) {
    for (const std::string& target : config.target_modules) {
      checkpoint::AdapterConfig alone = config;
      alone.target_modules = {target};
      bool is_known = false;
      for (std::int64_t layer = 0; layer < model.num_layers; ++layer) {
        for (const Projection projection : kProjections)
          is_known = is_known || alone.targets(module_path(layer, projection));
      }
      HOLDFAST_CHECK(kBadInput, is_known, "[adapter] found target '", target,
                     "', expected all-linear or some of q_proj, k_proj, v_proj, o_proj, "
                     "gate_proj, up_proj, down_proj; try all-linear");
    }
  }
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
  const checkpoint::AdapterConfig config = checkpoint::read_adapter_config(directory);
  auto weights = checkpoint::read_adapter_weights(directory);
  std::vector<Slot> slots = plan(model, config);
  const std::string where = "[adapter] " + directory.string() + ": ";
  std::vector<checkpoint::LoraWeights> stored(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = slots[i];
    if (slot.rank == 0) continue;
    const std::string module =
        module_path(static_cast<std::int64_t>(i / kProjections.size()), kProjections[i % kProjections.size()]);
    const auto found = weights.find(module);
    HOLDFAST_CHECK(kBadFile, found != weights.end(), where, "found no weights for '", module,
                   "', which adapter_config.json targets; is the adapter of this model?");
    const auto& [a, b] = found->second;
    HOLDFAST_CHECK(kBadFile,
                   a.size(0) == slot.rank && a.size(1) == slot.in_features && b.size(0) == slot.out_features &&
                       b.size(1) == slot.rank,
                   where, "found '", module, "' with lora_A [", a.size(0), ", ", a.size(1), "] and lora_B [", b.size(0),
                   ", ", b.size(1), "], expected [", slot.rank, ", ", slot.in_features, "] and [", slot.out_features,
                   ", ", slot.rank, "]; is the adapter of this model?");
    stored[i] = found->second;
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
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    if (!pairs_[i].is_present()) continue;
    const auto layer = static_cast<std::int64_t>(i / kProjections.size());
    weights[module_path(layer, kProjections[i % kProjections.size()])] = {pairs_[i].a, pairs_[i].b};
  }
  checkpoint::AdapterConfig config = config_;
  if (!config.target_is_pattern && config.target_modules == std::vector<std::string>{"all-linear"}) {
    // Named one by one: peft's "all-linear" would also take layers that we do not adapt in other families.
    config.target_modules = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  }
  checkpoint::write_adapter(directory, config, weights);
}

Adapter Adapter::zeros_like() const { return Adapter(config_, slots_, flat_.scalar_type()); }

Adapter Adapter::to(at::ScalarType type) const {
  Adapter other(config_, slots_, type);
  other.flat_.copy_(flat_);
  return other;
}

const LoraPair& Adapter::pair(std::int64_t layer, Projection projection) const {
  return pairs_[layer * kProjections.size() + static_cast<std::size_t>(projection)];
}

}  // namespace holdfast::model
