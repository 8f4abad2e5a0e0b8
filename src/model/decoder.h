// The decoder over packed batches: forward, and a backward pass written by hand for adapters on a frozen base.
//
// One layer, with x [t, d] coming in (docs/derivations/decoder_layer.md has the backward pass):
//   h  = norm(x)        q, k, v = W_q h, W_k h, W_v h (norms, rotary on q and k)   y  = x + norm(W_o attention(q, k,
//   v)) h' = norm(y)        m = W_down act(W_gate h', W_up h'), or experts' (model/moe.h)   x' = y + norm(m)
// Which of the norms there are, biases, windows, caps and all else says checkpoint::ModelConfig; Llama has the norms
// before each block only.  The base never changes; adapters are passed in, so that many share one base.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "checkpoint/hf_config.h"
#include "model/activation_policy.h"
#include "model/adapter.h"
#include "model/adapter_rows.h"
#include "model/attention.h"
#include "model/decoder_parts.h"
#include "model/kv_cache.h"
#include "model/layer_stream.h"
#include "model/lora_linear.h"
#include "model/moe.h"
#include "model/rope.h"
#include "model/token_batch.h"
#include "quant/matrix.h"

namespace holdfast::model {

enum class Precision { kCheckpoint, kNf4, kBf16, kFp32 };
// "nf4", "bf16", "fp32".  Throws Error(kBadInput) for another word.
Precision parse_precision(std::string_view word);
const char* precision_name(Precision precision);

// With nf4, an embedding or head of more numbers than these that is stored in 16 bits stays in them; a smaller one is
// widened once, which saves time and costs little.
inline constexpr std::int64_t kLargeTable = std::int64_t{1} << 25;

enum class Residency { kHeld, kStreamed };

struct LoadOptions {
  at::ScalarType compute = at::kFloat;  // of all arithmetic: float, or double for tests
  // With kStreamed the layers' codes stay in the file (model/layer_stream.h), which must be in NF4.
  Residency residency = Residency::kHeld;
  // A directory that a held base is mapped from where it is there (model/weight_cache.h); empty: none.
  std::filesystem::path cache = {};
  // A PEFT directory that is part of the model: each weight W is read as W + s B A, in fp32 and in memory only, before
  // it is quantised or rounded.  Empty: none.
  std::filesystem::path adapter = {};
};

struct DecoderLayer {
  at::Tensor attention_norm, attention_post_norm, mlp_norm, mlp_post_norm;  // [d]; undefined: the model has none
  at::Tensor query_norm, key_norm;                                          // [k] or [h * k], [g * k]
  at::Tensor sinks;                                                         // [h]
  checkpoint::PerProjection<quant::Matrix> projections;                     // empty: the layer has none
  checkpoint::PerProjection<at::Tensor> biases;
  MoeWeights moe;
  const quant::Matrix& operator[](Projection projection) const { return projections[projection]; }
};

// What a backward pass needs of one layer.
struct LayerActivations {
  at::Tensor x, q, k, v, y, gate, up;
  AttentionResult attention;
  at::Tensor query_before_norm, key_before_norm;  // where there are query and key norms
  at::Tensor attention_out, mlp_out;              // before the norms behind the blocks, where there are such
  MoeActivations moe;
  // The tensors that can wait in a file, defined or not; and those that do, by number.
  std::vector<at::Tensor*> slots() {
    return {&x,
            &q,
            &k,
            &v,
            &y,
            &gate,
            &up,
            &attention.out,
            &query_before_norm,
            &key_before_norm,
            &attention_out,
            &mlp_out,
            &moe.gate,
            &moe.up,
            &moe.out};
  }
  std::vector<std::pair<std::size_t, ActivationFile::Stored>> offloaded;
};

struct Activations {
  // One a layer, or empty: all are kept.  REQUIRES: a file where one is to be offloaded.
  std::vector<Keeping> keeping;
  std::shared_ptr<ActivationFile> file;

  std::vector<LayerActivations> layers;
  at::Tensor last;  // [t, d] input of the final norm
  std::vector<RopeTable> ropes;
};

class Decoder {
 public:
  // Reads a Hugging Face directory, one tensor at a time; what it holds in NF4 stays a map of the file.  kBf16 keeps
  // matrices in bfloat16 and widens them for each product; kCheckpoint keeps the stored values, widened once.  Throws
  // Error(kBadFile) for anything wrong with the files, Error(kBadInput) for options that do not fit them.
  static Decoder load(const std::filesystem::path& directory, Precision precision, const LoadOptions& options);
  static Decoder load(const std::filesystem::path& directory, Precision precision, at::ScalarType compute = at::kFloat);
  // Writes the cache that load() did not find, for the next start; that it cannot be written is a warning.
  void write_cache();

  // Hidden states after the final norm [t, d].  Sequences may use different adapters of a set, or the bare base; each
  // gets what it gets alone.  `cache` null: every sequence is whole.
  // `keep` non-null: fills what backward() needs.  REQUIRES: not both cache and keep.
  at::Tensor forward(const TokenBatch& batch, const AdapterSet& adapters = {}, KvCache* cache = nullptr,
                     Activations* keep = nullptr);

  // logits [n, v] of hidden rows [n, d].
  at::Tensor logits(const at::Tensor& hidden);
  // Gradient of the hidden rows from that of the logits; `logits` are forward's, which a soft cap needs.
  at::Tensor logits_backward(const at::Tensor& dlogits, const at::Tensor& logits);

  // Adds the gradient of every adapter parameter to `gradient`, given that of the hidden states [t, d].
  // Frees each layer's activations when it is done with them.
  void backward(const at::Tensor& dhidden, const TokenBatch& batch, const Adapter& adapter, Activations& kept,
                Adapter& gradient);
  // The same for several adapters: gradients[j] belongs to adapter j of the set.
  void backward(const at::Tensor& dhidden, const TokenBatch& batch, const AdapterSet& adapters, Activations& kept,
                std::span<Adapter* const> gradients);

  const checkpoint::ModelConfig& config() const { return config_; }
  at::ScalarType compute_type() const { return compute_; }
  Precision precision() const { return precision_; }
  // Of a streamed base only the layer in use has codes.
  const std::vector<DecoderLayer>& layers() const { return layers_; }
  const quant::Matrix& embedding() const { return embedding_; }
  double embedding_scale() const { return embedding_scale_; }
  const at::Tensor& final_norm() const { return final_norm_; }
  const quant::Matrix& head() const { return config_.tie_word_embeddings ? embedding_ : head_; }
  std::int64_t weight_bytes() const;  // in memory
  // Floating-point operations of one token's forward pass through linear layers (head apart).
  double linear_flops_per_token() const;
  double head_flops_per_token() const;

 private:
  Decoder(checkpoint::ModelConfig config, Precision precision, at::ScalarType compute);
  void read(const std::shared_ptr<const checkpoint::Weights>& weights, const LoadOptions& options);
  bool map_cache(const std::filesystem::path& path);
  void visit(PartVisitor& visitor);
  // Each block is a file of its own: decoder_attention.cpp, decoder_mlp.cpp.
  at::Tensor linear(std::int64_t index, Projection projection, const at::Tensor& x, const AdapterRows& adapters);
  at::Tensor linear_backward(std::int64_t index, Projection projection, const at::Tensor& dy, const at::Tensor& x,
                             const AdapterRows& adapters, bool needs_dx = true);
  at::Tensor forward_layer(std::int64_t index, at::Tensor x, const TokenBatch& batch,
                           const std::vector<RopeTable>& ropes, const AdapterRows& adapters, KvCache* cache,
                           LayerActivations* keep);
  // Does with a layer's activations what Activations::keeping says, after its forward pass; and undoes it.
  void give_up(Activations& kept, std::int64_t index);
  void bring_back(Activations& kept, std::int64_t index, const TokenBatch& batch, const AdapterRows& adapters);
  at::Tensor forward_attention(std::int64_t index, const at::Tensor& x, const TokenBatch& batch,
                               const std::vector<RopeTable>& ropes, const AdapterRows& adapters, KvCache* cache,
                               LayerActivations* keep);
  at::Tensor forward_mlp(std::int64_t index, const at::Tensor& y, const AdapterRows& adapters, LayerActivations* keep);
  at::Tensor backward_layer(std::int64_t index, const at::Tensor& dx, const TokenBatch& batch,
                            const std::vector<RopeTable>& ropes, const AdapterRows& adapters,
                            const LayerActivations& kept);
  // Add the gradient that flows through the block to dx, which holds the residual's share and may be dout itself; null:
  // not wanted.
  void backward_attention(std::int64_t index, const at::Tensor& dout, const TokenBatch& batch,
                          const std::vector<RopeTable>& ropes, const AdapterRows& adapters,
                          const LayerActivations& kept, at::Tensor* dx);
  void backward_mlp(std::int64_t index, const at::Tensor& dout, const AdapterRows& adapters,
                    const LayerActivations& kept, at::Tensor& dy);
  // The norm of x, or x itself where the layer has no such norm; and dx += the gradient.
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight) const;
  void norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, at::Tensor& dx) const;
  AttentionShape attention_shape(std::int64_t index) const;

  checkpoint::ModelConfig config_;
  Precision precision_;
  at::ScalarType compute_;
  quant::Matrix embedding_, head_;  // [v, d]; head_ is empty when tied
  std::vector<DecoderLayer> layers_;
  std::unique_ptr<LayerStream> stream_;  // null: all layers are held
  at::Tensor final_norm_;
  double embedding_scale_ = 1;
  std::filesystem::path missing_cache_;  // empty: nothing to write
};

}  // namespace holdfast::model
