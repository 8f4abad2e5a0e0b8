// The Llama decoder over packed batches: forward, and a backward pass written by hand for adapters on a frozen base.
//
// One layer, with x [t, d] coming in (docs/derivations/decoder_layer.md has the backward pass):
//   h  = rms_norm(x)        q, k, v = W_q h, W_k h, W_v h (rotary on q and k)      y = x + W_o attention(q, k, v)
//   h' = rms_norm(y)        x' = y + W_down (silu(W_gate h') * W_up h')
// The base never changes; adapters are passed in, so that many share one base.
// Not thread-safe: a decoder owns scratch memory for widened weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <vector>

#include "checkpoint/hf_config.h"
#include "model/adapter.h"
#include "model/attention.h"
#include "model/kv_cache.h"
#include "model/lora_linear.h"
#include "model/rope.h"
#include "model/token_batch.h"
#include "quant/matrix.h"

namespace holdfast::model {

enum class Precision { kCheckpoint, kNf4, kBf16, kFp32 };
// "nf4", "bf16", "fp32".  Throws Error(kBadInput) for another word.
Precision parse_precision(std::string_view word);
const char* precision_name(Precision precision);

struct DecoderLayer {
  at::Tensor attention_norm, mlp_norm;       // [d]
  std::array<quant::Matrix, 7> projections;  // in the order of kProjections
  const quant::Matrix& operator[](Projection projection) const {
    return projections[static_cast<std::size_t>(projection)];
  }
};

// What a backward pass needs of one layer.
struct LayerActivations {
  at::Tensor x, q, k, v, y, gate, up;
  AttentionResult attention;
};

struct Activations {
  std::vector<LayerActivations> layers;
  at::Tensor last;  // [t, d] input of the final norm
  RopeTable rope;
};

class Decoder {
 public:
  // Reads a Hugging Face directory, one tensor at a time.  `compute` is the type of all arithmetic: float, or double
  // for tests.  kBf16 keeps matrices in bfloat16 and widens them for each product; kCheckpoint keeps the stored values,
  // widened once.  Throws Error(kBadFile) for anything wrong with the files.
  static Decoder load(const std::filesystem::path& directory, Precision precision, at::ScalarType compute = at::kFloat);

  // Hidden states after the final norm [t, d].  `adapter` null: the bare base.  `cache` null: every sequence is whole.
  // `keep` non-null: fills what backward() needs.  REQUIRES: not both cache and keep.
  at::Tensor forward(const TokenBatch& batch, const Adapter* adapter = nullptr, KvCache* cache = nullptr,
                     Activations* keep = nullptr);

  // logits [n, v] of hidden rows [n, d].
  at::Tensor logits(const at::Tensor& hidden);
  // Gradient of the hidden rows from that of the logits.
  at::Tensor logits_backward(const at::Tensor& dlogits);

  // Adds the gradient of every adapter parameter to `gradient`, given that of the hidden states [t, d].
  // Frees each layer's activations when it is done with them.
  void backward(const at::Tensor& dhidden, const TokenBatch& batch, const Adapter& adapter, Activations& kept,
                Adapter& gradient);

  const checkpoint::ModelConfig& config() const { return config_; }
  at::ScalarType compute_type() const { return compute_; }
  Precision precision() const { return precision_; }
  const std::vector<DecoderLayer>& layers() const { return layers_; }
  const quant::Matrix& embedding() const { return embedding_; }
  const quant::Matrix& head() const { return config_.tie_word_embeddings ? embedding_ : head_; }
  std::int64_t weight_bytes() const;
  // Floating-point operations of one token's forward pass through linear layers (head apart).
  double linear_flops_per_token() const;
  double head_flops_per_token() const;

 private:
  Decoder(checkpoint::ModelConfig config, Precision precision, at::ScalarType compute);
  at::Tensor forward_layer(std::int64_t index, at::Tensor x, const TokenBatch& batch, const RopeTable& rope,
                           const Adapter* adapter, KvCache* cache, LayerActivations* keep);
  at::Tensor backward_layer(std::int64_t index, const at::Tensor& dx, const TokenBatch& batch, const RopeTable& rope,
                            const Adapter& adapter, const LayerActivations& kept, Adapter& gradient);

  checkpoint::ModelConfig config_;
  Precision precision_;
  at::ScalarType compute_;
  quant::Matrix embedding_, head_;  // [v, d]; head_ is empty when tied
  std::vector<DecoderLayer> layers_;
  at::Tensor final_norm_, inverse_frequencies_;
  Workspace workspace_;
};

}  // namespace holdfast::model
