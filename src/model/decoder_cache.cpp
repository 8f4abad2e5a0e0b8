// A Decoder out of its cache, and into it (model/weight_cache.h).
#include "base/error.h"
#include "base/log.h"
#include "model/decoder.h"
#include "model/weight_cache.h"

namespace holdfast::model {

// Parts that one family has and another does not are visited in all.
void Decoder::visit(PartVisitor& visitor) {
  visitor.matrix("embedding", embedding_);
  visitor.matrix("head", head_);
  visitor.tensor("final_norm", final_norm_);
  const auto all = [&](const std::string& prefix, auto& matrices, auto& biases) {
    for (std::size_t i = 0; i < matrices.size(); ++i) {
      visitor.matrix(prefix + std::to_string(i), matrices[i]);
      visitor.tensor(prefix + std::to_string(i) + ".bias", biases[i]);
    }
  };
  for (std::size_t index = 0; index < layers_.size(); ++index) {
    DecoderLayer& layer = layers_[index];
    const std::string prefix = "layers." + std::to_string(index) + ".";
    visitor.tensor(prefix + "attention_norm", layer.attention_norm);
    visitor.tensor(prefix + "attention_post_norm", layer.attention_post_norm);
    visitor.tensor(prefix + "mlp_norm", layer.mlp_norm);
    visitor.tensor(prefix + "mlp_post_norm", layer.mlp_post_norm);
    visitor.tensor(prefix + "query_norm", layer.query_norm);
    visitor.tensor(prefix + "key_norm", layer.key_norm);
    visitor.tensor(prefix + "sinks", layer.sinks);
    visitor.tensor(prefix + "router", layer.moe.router);
    visitor.tensor(prefix + "router_bias", layer.moe.router_bias);
    all(prefix + "projections.", layer.projections, layer.biases);
    for (std::size_t expert = 0; expert < layer.moe.experts.size(); ++expert)
      all(prefix + "experts." + std::to_string(expert) + ".", layer.moe.experts[expert].projections,
          layer.moe.experts[expert].biases);
  }
}

bool Decoder::map_cache(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return false;
  try {
    CacheReader reader(path);
    visit(reader);
    reader.finish();
    return true;
  } catch (const Error& error) {
    log_warning(std::string(error.what()) + "; the base is read from the checkpoint");
    return false;
  }
}

void Decoder::write_cache() {
  if (missing_cache_.empty()) return;
  try {
    CacheWriter writer;
    visit(writer);
    writer.write(missing_cache_);
    missing_cache_.clear();
  } catch (const Error& error) {
    log_warning(std::string(error.what()) + " (the base is held without a cache)");
  }
}

}  // namespace holdfast::model
