// A frozen weight matrix [out, in]: stored dense (float, bf16 or double) or in NF4, used as a dense one.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <span>

#include "quant/nf4.h"

namespace holdfast::quant {

class Matrix {
 public:
  Matrix() = default;  // empty
  static Matrix dense(at::Tensor weight);
  static Matrix nf4(const at::Tensor& weight) { return Matrix(quantize_nf4(weight)); }
  explicit Matrix(Nf4Weight weight);

  // The whole matrix in `type`: itself when it is stored so, else written into `scratch`, which grows as needed.
  // The result is valid until scratch is used again.
  at::Tensor dense_into(at::Tensor& scratch, at::ScalarType type) const;
  // Rows by number (an embedding) into out [rows.size(), in].  REQUIRES: dense.
  void gather_rows(std::span<const std::int64_t> rows, at::Tensor& out) const;

  bool is_empty() const { return out_features() == 0; }
  bool is_quantized() const { return nf4_.has_value(); }
  const Nf4Weight& nf4_weight() const { return *nf4_; }
  const char* storage_name() const;  // "nf4", "fp4", "bf16", "fp32", "fp64"
  std::int64_t out_features() const { return nf4_ ? nf4_->out_features : dense_.defined() ? dense_.size(0) : 0; }
  std::int64_t in_features() const { return nf4_ ? nf4_->in_features : dense_.defined() ? dense_.size(1) : 0; }
  std::int64_t bytes() const;

 private:
  at::Tensor dense_;
  std::optional<Nf4Weight> nf4_;
};

}  // namespace holdfast::quant
