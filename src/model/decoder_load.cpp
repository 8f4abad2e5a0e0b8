// Reading a checkpoint into a Decoder: one tensor at a time, quantised on the way.
#include <ATen/ops/addmm.h>
#include <ATen/ops/scalar_tensor.h>

#include <cmath>
#include <optional>

#include "base/error.h"
#include "checkpoint/expected_weights.h"
#include "checkpoint/experts.h"
#include "checkpoint/weights.h"
#include "model/decoder.h"
#include "model/nf4_checkpoint.h"
#include "model/weight_cache.h"

namespace holdfast::model {

Precision parse_precision(std::string_view word) {
  if (word == "nf4") return Precision::kNf4;
  if (word == "bf16") return Precision::kBf16;
  if (word == "fp32") return Precision::kFp32;
  fail(ErrorKind::kBadInput, "[options] found precision '", word, "', expected nf4, bf16 or fp32; try --precision nf4");
}

const char* precision_name(Precision precision) {
  switch (precision) {
    case Precision::kNf4:
      return "nf4";
    case Precision::kBf16:
      return "bf16";
    case Precision::kFp32:
      return "fp32";
    case Precision::kCheckpoint:
      break;
  }
  return "checkpoint";
}

Decoder::Decoder(checkpoint::ModelConfig config, Precision precision, at::ScalarType compute)
    : config_(std::move(config)), precision_(precision), compute_(compute) {
  layers_.resize(static_cast<std::size_t>(config_.num_layers));
  for (std::int64_t index = 0; index < config_.num_layers; ++index)
    if (config_.layer(index).is_moe)
      layers_[index].moe.experts.resize(static_cast<std::size_t>(config_.moe.num_experts));
}

namespace {

// sqrt(d) in the type that the weights are kept in, as transformers rounds it.
double rounded_embedding_scale(const checkpoint::ModelConfig& config, Precision precision, at::ScalarType stored) {
  if (!config.scales_embedding) return 1;
  const double scale = std::sqrt(static_cast<double>(config.hidden_size));
  if (precision == Precision::kFp32) stored = at::kFloat;
  if (precision == Precision::kBf16) stored = at::kBFloat16;
  return at::scalar_tensor(scale, at::kDouble).to(stored).to(at::kDouble).item<double>();
}

constexpr std::size_t kReadAhead = 64 << 20;  // bytes

void prefetch(const checkpoint::Weights& weights, const std::string& name) {
  if (weights.contains(name)) weights.prefetch(name, {0, kReadAhead});
}

// The file's pages of one linear layer while it is read: those behind are let go, those ahead are asked for.
class StoredPages {
 public:
  StoredPages(const checkpoint::Weights& weights, const checkpoint::ModelConfig& config,
              const checkpoint::LinearModule& module)
      : weights_(weights) {
    const std::string own = module.path + ".weight", prefix = "model.layers." + std::to_string(module.layer) + ".";
    has_own_ = weights.contains(own);
    if (has_own_)
      names_ = {own};
    else
      for (const auto& [name, shape] : checkpoint::stacked_expert_tensors(config)) names_.push_back(prefix + name);
  }
  ~StoredPages() {
    for (const std::string& name : names_) weights_.release(name);
  }
  StoredPages(const StoredPages&) = delete;
  // The bytes begin .. end have been read.
  void move_on(std::size_t begin, std::size_t end) const {
    if (!has_own_) return;
    weights_.release(names_[0], {begin, end});
    weights_.prefetch(names_[0], {end, end + kReadAhead});
  }

 private:
  const checkpoint::Weights& weights_;
  bool has_own_;
  std::vector<std::string> names_;
};

// Reads codes out of the map of a cache, where they stand as they are used.
std::unique_ptr<LayerStream> stream_of(std::vector<DecoderLayer>& layers) {
  auto stream = std::make_unique<LayerStream>(nullptr, static_cast<std::int64_t>(layers.size()));
  const auto add = [&](std::size_t index, auto& matrices) {
    for (quant::Matrix& matrix : matrices)
      if (matrix.is_quantized()) stream->add(static_cast<std::int64_t>(index), "", matrix.nf4_weight(), matrix);
  };
  for (std::size_t index = 0; index < layers.size(); ++index) {
    add(index, layers[index].projections);
    for (Expert& expert : layers[index].moe.experts) add(index, expert.projections);
  }
  return stream;
}

}  // namespace

Decoder Decoder::load(const std::filesystem::path& directory, Precision precision, at::ScalarType compute) {
  return load(directory, precision, LoadOptions{.compute = compute});
}

Decoder Decoder::load(const std::filesystem::path& directory, Precision precision, const LoadOptions& options) {
  checkpoint::ModelConfig config = checkpoint::read_config(directory);
  const auto shared_weights = std::make_shared<const checkpoint::Weights>(directory);
  const checkpoint::Weights& weights = *shared_weights;
  checkpoint::check_weights(config, weights, directory);
  if (config.is_four_bit) {
    HOLDFAST_CHECK(kBadInput, precision == Precision::kCheckpoint || precision == Precision::kNf4, "[load] ",
                   directory.string(), ": found weights in NF4 and --precision ", precision_name(precision),
                   ", expected nf4; try the original weights, or no --precision");
    precision = Precision::kNf4;
  }
  HOLDFAST_CHECK(kBadInput, options.adapter.empty() || !config.is_four_bit, "[load] ", directory.string(),
                 ": found weights in NF4 and the adapter ", options.adapter.string(),
                 " to be added to them, expected weights in full precision; try the original weights");
  Decoder decoder(std::move(config), precision, options.compute);
  decoder.embedding_scale_ = rounded_embedding_scale(
      decoder.config_, precision, weights.dtype(checkpoint::embedding_name(decoder.config_, weights)));
  const bool streams = options.residency == Residency::kStreamed;
  if (!options.cache.empty() && (!streams || precision == Precision::kNf4)) {
    const std::string settings = std::string(precision_name(precision)) + "-" + at::toString(options.compute);
    const std::filesystem::path path = cache_path(options.cache, directory, weights, settings, options.adapter);
    if (decoder.map_cache(path)) {
      if (streams) decoder.stream_ = stream_of(decoder.layers_);
      return decoder;
    }
    if (!streams) decoder.missing_cache_ = path;
  }
  HOLDFAST_CHECK(kBadInput, !streams || decoder.config_.is_four_bit, "[load] ", directory.string(),
                 ": found weights that are not in NF4 to be streamed, and no cache of them, expected what holdfast "
                 "quantize writes; try holdfast quantize first");
  decoder.read(shared_weights, options);
  return decoder;
}

void Decoder::read(const std::shared_ptr<const checkpoint::Weights>& shared_weights, const LoadOptions& options) {
  const checkpoint::Weights& weights = *shared_weights;
  const Precision precision = precision_;
  const at::ScalarType compute = compute_;

  // The order that float products read.  What is put into it is copied then, and need not be before.
  const bool arranges = compute == at::kFloat;
  const auto dense = [&](const at::Tensor& stored, bool is_arranged) {
    const at::ScalarType type = precision == Precision::kBf16 ? at::kBFloat16 : compute;
    if (is_arranged && stored.scalar_type() == type) return quant::Matrix::dense(stored);
    return quant::Matrix::dense(stored.to(type, /*non_blocking=*/false, /*copy=*/true));
  };
  // Embedding and head are never in 4 bits; with bf16 they are rounded, as the matrices are.
  const auto table = [&](const std::string& name, bool is_arranged) {
    const at::Tensor stored = weights.tensor(name);
    const bool stays = precision == Precision::kNf4 && stored.element_size() == 2 && stored.numel() > kLargeTable;
    quant::Matrix matrix;
    if (stays) {  // of a base in NF4 as a view of the file, as the codes are
      matrix = quant::Matrix::dense(config_.is_four_bit || is_arranged ? stored : stored.clone());
    } else {
      matrix = dense(stored, is_arranged);
    }
    if (is_arranged) matrix.put_in_panels();
    weights.release(name);
    return matrix;
  };
  if (options.residency == Residency::kStreamed)
    stream_ = std::make_unique<LayerStream>(shared_weights, config_.num_layers);
  // What is in its final form in the file stays there: a base in NF4 is ready at once, and read when it is used.
  const auto stored_nf4 = [&](const checkpoint::LinearModule& module, quant::Matrix& matrix) {
    const std::string name = module.path + ".weight";
    quant::Nf4Weight weight = read_nf4(weights, name, module.out_features, module.in_features);
    if (stream_) return stream_->add(module.layer, name, std::move(weight), matrix);
    matrix = quant::Matrix(std::move(weight));
  };
  std::optional<Adapter> adapter;
  if (!options.adapter.empty()) adapter = Adapter::load(config_, options.adapter);
  const auto linear = [&](const checkpoint::LinearModule& module, const StoredPages& pages) {
    at::Tensor stored = checkpoint::module_weight(config_, weights, module);
    const auto size = static_cast<std::int64_t>(stored.element_size());
    if (adapter) {
      const LoraPair& pair = adapter->pair(module.layer, module.projection, module.expert);
      if (pair.is_present()) stored = at::addmm(stored.to(at::kFloat), pair.b, pair.a, /*beta=*/1, pair.scale);
    }
    // In a checkpoint that is quantised already, what whoever made it left out stays as it is.
    if (precision != Precision::kNf4 || config_.is_four_bit) return dense(stored, arranges);
    return quant::Matrix(quant::quantize_nf4(
        stored, [&](std::int64_t begin, std::int64_t end) { pages.move_on(begin * size, end * size); }));
  };
  const auto vector = [&](const std::string& name) { return weights.tensor(name).to(compute).clone(); };
  const bool adds_one = config_.norm_adds_one;
  const auto norm = [&](const std::string& name) { return adds_one ? vector(name).add_(1) : vector(name); };

  const checkpoint::ModelConfig& c = config_;
  // The head first: while it is arranged there are two of it.
  const std::string embedding = checkpoint::embedding_name(c, weights);
  quant::Matrix& head = c.tie_word_embeddings ? embedding_ : head_;
  head = table(c.tie_word_embeddings ? embedding : "lm_head.weight", arranges);
  if (!c.tie_word_embeddings) embedding_ = table(embedding, false);
  for (std::int64_t index = 0; index < c.num_layers; ++index) {
    DecoderLayer& layer = layers_[index];
    const std::string prefix = "model.layers." + std::to_string(index) + ".";
    for (const auto& [name, target] :
         {std::pair{&c.names.attention_norm, &layer.attention_norm},
          std::pair{&c.names.attention_post_norm, &layer.attention_post_norm},
          std::pair{&c.names.mlp_norm, &layer.mlp_norm}, std::pair{&c.names.mlp_post_norm, &layer.mlp_post_norm},
          std::pair{&c.names.query_norm, &layer.query_norm}, std::pair{&c.names.key_norm, &layer.key_norm}}) {
      if (!name->empty()) *target = norm(prefix + *name + ".weight");
    }
    if (!c.names.sinks.empty()) layer.sinks = vector(prefix + c.names.sinks);
    if (!c.layer(index).is_moe) continue;
    layer.moe.router = vector(prefix + c.names.router + ".weight");
    if (c.moe.has_biases) layer.moe.router_bias = vector(prefix + c.names.router + ".bias");
  }
  const std::vector<checkpoint::LinearModule> modules = checkpoint::linear_modules(c);
  for (auto place = modules.begin(); place != modules.end(); ++place) {
    const checkpoint::LinearModule& module = *place;
    const StoredPages pages(weights, c, module);
    if (place + 1 != modules.end()) prefetch(weights, place[1].path + ".weight");
    DecoderLayer& layer = layers_[module.layer];
    const bool is_own = module.expert < 0;
    auto& matrices = is_own ? layer.projections : layer.moe.experts[module.expert].projections;
    auto& biases = is_own ? layer.biases : layer.moe.experts[module.expert].biases;
    quant::Matrix& matrix = matrices[module.projection];
    const bool is_stored_four_bit = config_.is_four_bit && checkpoint::is_four_bit(weights, module.path + ".weight");
    if (is_stored_four_bit) {
      stored_nf4(module, matrix);
    } else {
      matrix = linear(module, pages);
    }
    if (arranges && !(is_stored_four_bit && stream_)) matrix.put_in_panels();
    if (module.has_bias)
      biases[module.projection] =
          checkpoint::module_bias(c, weights, module).to(compute).clone(at::MemoryFormat::Contiguous);
  }
  final_norm_ = norm("model.norm.weight");
}

std::int64_t Decoder::weight_bytes() const {
  const auto of = [](const at::Tensor& x) {
    return x.defined() ? x.numel() * static_cast<std::int64_t>(x.element_size()) : 0;
  };
  std::int64_t bytes = embedding_.bytes() + head_.bytes() + of(final_norm_);
  if (stream_) bytes += stream_->buffer_bytes();
  const auto add = [&](const auto& matrices, const auto& biases) {
    for (const quant::Matrix& matrix : matrices) bytes += matrix.bytes();
    for (const at::Tensor& bias : biases) bytes += of(bias);
  };
  for (const DecoderLayer& layer : layers_) {
    add(layer.projections, layer.biases);
    for (const Expert& expert : layer.moe.experts) add(expert.projections, expert.biases);
    for (const at::Tensor* x :
         {&layer.attention_norm, &layer.attention_post_norm, &layer.mlp_norm, &layer.mlp_post_norm, &layer.query_norm,
          &layer.key_norm, &layer.sinks, &layer.moe.router, &layer.moe.router_bias})
      bytes += of(*x);
  }
  return bytes;
}

}  // namespace holdfast::model
