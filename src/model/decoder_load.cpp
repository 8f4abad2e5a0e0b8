// Reading a checkpoint into a Decoder: one tensor at a time, quantised on the way.
#include "base/error.h"
#include "checkpoint/llama_weights.h"
#include "checkpoint/safetensors.h"
#include "model/decoder.h"
#include "model/nf4_checkpoint.h"

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
    : config_(std::move(config)),
      precision_(precision),
      compute_(compute),
      inverse_frequencies_(rope_inverse_frequencies(config_)) {}

Decoder Decoder::load(const std::filesystem::path& directory, Precision precision, at::ScalarType compute) {
  checkpoint::ModelConfig config = checkpoint::read_config(directory);
  const checkpoint::Weights weights(directory);
  checkpoint::check_weights(config, weights, directory);
  if (config.is_nf4) {
    HOLDFAST_CHECK(kBadInput, precision == Precision::kCheckpoint || precision == Precision::kNf4, "[load] ",
                   directory.string(), ": found weights in NF4 and --precision ", precision_name(precision),
                   ", expected nf4; try the original weights, or no --precision");
    precision = Precision::kNf4;
  }
  Decoder decoder(std::move(config), precision, compute);

  // Embedding and head are never in 4 bits; with bf16 they are rounded, as the matrices are.
  const auto dense = [&](const std::string& name) {
    const at::Tensor stored = weights.tensor(name);
    return quant::Matrix::dense(precision == Precision::kBf16 ? stored.to(at::kBFloat16).contiguous()
                                                              : stored.to(compute).clone());
  };
  const auto linear = [&](std::int64_t layer, Projection projection) {
    const std::string name = module_path(layer, projection) + ".weight";
    if (!decoder.config_.is_nf4)
      return precision == Precision::kNf4 ? quant::Matrix::nf4(weights.tensor(name)) : dense(name);
    if (!checkpoint::is_nf4(weights, name)) return dense(name);  // left out by whoever quantised the others
    const auto [out, in] = projection_shape(decoder.config_, projection);
    return quant::Matrix(read_nf4(weights, name, out, in));
  };
  const auto norm = [&](const std::string& name) { return weights.tensor(name).to(compute).clone(); };

  decoder.embedding_ = dense(checkpoint::embedding_name(decoder.config_, weights));
  if (!decoder.config_.tie_word_embeddings) decoder.head_ = dense("lm_head.weight");
  for (std::int64_t layer = 0; layer < decoder.config_.num_layers; ++layer) {
    DecoderLayer& target = decoder.layers_.emplace_back();
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    target.attention_norm = norm(prefix + "input_layernorm.weight");
    target.mlp_norm = norm(prefix + "post_attention_layernorm.weight");
    for (const Projection projection : kProjections) {
      target.projections[static_cast<std::size_t>(projection)] = linear(layer, projection);
    }
  }
  decoder.final_norm_ = norm("model.norm.weight");
  return decoder;
}

std::int64_t Decoder::weight_bytes() const {
  std::int64_t bytes =
      embedding_.bytes() + head_.bytes() + final_norm_.numel() * static_cast<std::int64_t>(final_norm_.element_size());
  for (const DecoderLayer& layer : layers_) {
    for (const quant::Matrix& matrix : layer.projections) bytes += matrix.bytes();
    bytes += 2 * layer.attention_norm.numel() * static_cast<std::int64_t>(layer.attention_norm.element_size());
  }
  return bytes;
}

}  // namespace holdfast::model
