// The frozen base on a device: NF4 codes in row order, and for each layer its matrices widened into one buffer.
//
// Projections that read the same rows are one matrix, one below the other, and so one product: query, key and value;
// gate and up.  Of a layer with experts gate and up of all experts stand one below the other, and so do their downs.
// A DenseLayer is views of a buffer of layer_size numbers: matrix after matrix, row-major.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>
#include <vector>

#include "model/decoder.h"
#include "quant/nf4.h"

namespace holdfast::device {

using checkpoint::Projection;

// Which of the products of a layer.
enum class Product { kQueryKeyValue, kOutput, kGateUp, kDown };
inline constexpr std::size_t kProducts = 4;
template <typename T>
struct PerProduct : std::array<T, kProducts> {
  using std::array<T, kProducts>::operator[];
  T& operator[](Product p) { return (*this)[static_cast<std::size_t>(p)]; }
  const T& operator[](Product p) const { return (*this)[static_cast<std::size_t>(p)]; }
};

// One stored matrix, on the device.
struct StoredMatrix {
  std::optional<quant::Nf4Weight> nf4;  // in row order
  at::Tensor levels, map;               // of nf4: float [16], [256]
  at::Tensor dense;                     // [out, in], where it is not nf4
};

// The rows of a joined matrix that are one projection's.
struct Part {
  Projection projection;
  std::int64_t expert;  // -1: none
  std::int64_t row, rows;
};

struct JoinedMatrix {
  std::vector<Part> parts;
  std::vector<StoredMatrix> stored;  // one a part
  std::int64_t out = 0, in = 0;
  at::Tensor bias;  // [out] in the compute type; undefined: none
};

struct FrozenLayer {
  PerProduct<JoinedMatrix> products;
  at::Tensor attention_norm, mlp_norm;  // float [d]
  at::Tensor router;                    // [e, d] in the compute type; undefined: no experts
  std::int64_t size() const;            // numbers of all matrices
  bool is_quantized() const;            // some of it
};

using DenseLayer = PerProduct<at::Tensor>;

struct FrozenBase {
  std::vector<FrozenLayer> layers;
  at::Tensor embedding, head;  // [v, d] in the compute type; one tensor when tied
  at::Tensor final_norm;       // float [d]
};

// Copies the decoder's weights.  Throws Error(kBadInput) naming what the device's step cannot do: a base that is
// streamed, norms behind blocks or of queries and keys, sinks, soft caps, experts with biases or stored together,
// gpt-oss's activation.
FrozenBase copy_base(const model::Decoder& decoder, at::Device device, at::ScalarType compute);

// The layer's matrices as views of buffer [size].
DenseLayer views_of(const FrozenLayer& layer, const at::Tensor& buffer);
// Writes all matrices of the layer, in the current stream.
void widen(const FrozenLayer& layer, const at::Tensor& buffer);

// Codes of row after row, of a weight whose codes may stand in panels (quant/panels.h).
at::Tensor codes_in_rows(const quant::Nf4Weight& weight);

}  // namespace holdfast::device
