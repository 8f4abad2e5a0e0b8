// A training step's forward pass, loss and backward pass of a pack, on a device: bfloat16 with sums in float on a CUDA
// device; on the processor the same code in either type, for tests.
//
// The formulas are the decoder's (model/decoder.h, docs/derivations/decoder_layer.md).  What differs is where things
// lie: matrices are widened a layer at a time (device/dense_layers.h), projections that read the same rows are one
// product, each residual addition is one pass with the norm behind it, and everything the backward pass needs is kept:
// each layer's x, q k v, attention output, y, gate and up.  Between the first copy and the loss nobody waits for the
// device: all that is known beforehand is copied at the start, and the loss stays on the device.
//
// Adapter    float on the device, rounded to the compute type once a run; its gradient is added to in float.
// Products   ATen's; log-sum-exp, norms and rotations in float.
// Memory     2 bytes * (2 d + (2 h + 2 g) k + 2 f) a token and layer (dense layers, bf16), and of the logits 1,024
// rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "device/dense_layers.h"
#include "device/experts.h"
#include "device/packed_attention.h"
#include "model/adapter.h"

namespace holdfast::device {

// Which tokens are to be predicted, and from which rows of the pack: each row at most once.
struct Targets {
  std::vector<std::int64_t> rows, tokens;
};

// Bytes for layers that stay widened: what the device has free, less all that a step on packs of so many tokens takes
// with an adapter of so many parameters, and a gigabyte for the libraries.  Call it before the base is copied.
std::int64_t spare_bytes(const model::Decoder& decoder, at::Device device, std::int64_t pack_tokens,
                         std::int64_t parameters);

class Step {
 public:
  // Copies the base.  `spare_bytes`: memory for layers that stay widened.  Throws as copy_base does.
  Step(const model::Decoder& decoder, at::Device device, at::ScalarType compute, std::int64_t spare_bytes);

  // Adds the gradient of scale * (summed loss) to `gradient` and returns the summed loss in nats, double [] on the
  // device.  REQUIRES: adapter and gradient are float, on the device.  Throws Error(kBadInput) for a token that the
  // model does not have, and for a pack that is too large for the device's attention.
  at::Tensor run(const model::TokenBatch& batch, const Targets& targets, double scale, const model::Adapter& adapter,
                 model::Adapter& gradient);

  std::int64_t num_kept_layers() const { return dense_.num_kept(); }
  at::Device device() const { return device_; }

 private:
  struct Kept {
    at::Tensor x, qkv, y, gate_up;
    Attended attended;
    Routed routed;
  };
  struct Pack {
    at::Tensor tokens;  // int64 [t]
    Boundaries boundaries;
    std::vector<model::RopeTable> ropes;
    at::Tensor target_rows, target_tokens;  // int64 [n]
  };
  Pack copy_pack(const model::TokenBatch& batch, const Targets& targets) const;
  void narrow_adapter(const model::Adapter& adapter);

  // Takes x and h = norm(x), returns m; the layer's output is kept.y + m.
  at::Tensor forward_layer(std::int64_t index, const Pack& pack, const at::Tensor& h, const at::Tensor& x, Kept& kept);
  // dx: gradient of the layer's output; becomes that of its input (undefined below the first layer).
  void backward_layer(std::int64_t index, const Pack& pack, const Kept& kept, model::Adapter& gradient, at::Tensor& dx);
  // The loss, and in `dhidden` its gradient.
  at::Tensor loss(const Pack& pack, const at::Tensor& hidden, double scale, at::Tensor& dhidden) const;

  at::Tensor product(std::int64_t index, Product which, const at::Tensor& weight, const at::Tensor& x) const;
  at::Tensor input_gradient(std::int64_t index, Product which, const at::Tensor& weight, const at::Tensor& dy) const;
  void parameter_gradient(std::int64_t index, Product which, const at::Tensor& dy, const at::Tensor& x,
                          model::Adapter& gradient) const;
  void rotate_heads(std::int64_t index, const Pack& pack, at::Tensor& qkv, bool is_inverse) const;
  model::AttentionShape attention_shape(std::int64_t index) const;

  checkpoint::ModelConfig config_;
  double embedding_scale_;
  at::Device device_;  // the calling thread's from the constructor on
  at::ScalarType compute_;
  FrozenBase base_;
  DenseLayers dense_;
  Experts experts_;
  std::optional<model::Adapter> adapter_;  // in the compute type
};

}  // namespace holdfast::device
