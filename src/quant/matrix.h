// A frozen weight matrix [out, in]: stored dense (float, bf16 or double) or in NF4, and its products.
//
// Products in float go through quant/panels.h: a row's result does not depend on the other rows.  In double, which only
// tests compute in, they are torch's.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <span>

#include "quant/nf4.h"
#include "quant/panels.h"

namespace holdfast::quant {

// A low-rank term of rows begin .. end of a product: s F^T with F [out, r] where W^T is, s F with F [r, in] where W is;
// s [end - begin, r].
struct LowRank {
  std::int64_t begin, end;
  at::Tensor s, factor;
};

class Matrix {
 public:
  Matrix() = default;  // empty
  // `in_panels`: the numbers stand in that order already.
  static Matrix dense(at::Tensor weight, bool in_panels = false);
  static Matrix nf4(const at::Tensor& weight) { return Matrix(quantize_nf4(weight)); }
  explicit Matrix(Nf4Weight weight);

  // The whole matrix in `type`: itself when it is stored so, else written into `scratch`, which grows as needed.
  // The result is valid until scratch is used again.
  at::Tensor dense_into(at::Tensor& scratch, at::ScalarType type) const;
  // From now on in the order that products read fastest.  No effect on what has no float products.
  void put_in_panels();
  // y = x W^T: x [t, in], y [t, out] in x's type; and the terms, added while y is at hand.
  at::Tensor multiply(const at::Tensor& x, std::span<const LowRank> terms = {}) const;
  // dx = dy W: dy [t, out], dx [t, in]; and the terms.
  at::Tensor multiply_back(const at::Tensor& dy, std::span<const LowRank> terms = {}) const;
  // Rows by number (an embedding) into out [rows.size(), in].  REQUIRES: dense.
  void gather_rows(std::span<const std::int64_t> rows, at::Tensor& out) const;

  bool is_empty() const { return out_features() == 0; }
  bool is_quantized() const { return nf4_.has_value(); }
  const Nf4Weight& nf4_weight() const { return *nf4_; }
  // As it is stored.  REQUIRES: not quantised.
  const at::Tensor& dense_weight() const { return dense_; }
  bool is_in_panels() const { return nf4_ ? nf4_->in_panels : is_in_panels_; }
  const char* storage_name() const;  // "nf4", "fp4", "bf16", "fp32", "fp64"
  std::int64_t out_features() const { return nf4_ ? nf4_->out_features : dense_.defined() ? dense_.size(0) : 0; }
  std::int64_t in_features() const { return nf4_ ? nf4_->in_features : dense_.defined() ? dense_.size(1) : 0; }
  std::int64_t bytes() const;

 private:
  WeightView view() const;
  bool has_view() const;  // all but double

  at::Tensor dense_;
  bool is_in_panels_ = false;  // dense_; of NF4 the weight itself knows
  std::optional<Nf4Weight> nf4_;
};

// Products with a matrix that changes, such as an adapter's, all of one type.
// y = x W^T, or y += x W^T: x [t, in], W [out, in], y [t, out].
at::Tensor multiply(const at::Tensor& x, const at::Tensor& weight);
void multiply_add(const at::Tensor& x, const at::Tensor& weight, at::Tensor& y);
// dx = dy W, or dx += dy W: dy [t, out], dx [t, in].
at::Tensor multiply_back(const at::Tensor& dy, const at::Tensor& weight);
void multiply_back_add(const at::Tensor& dy, const at::Tensor& weight, at::Tensor& dx);
// a^T b, summed over the rows: a [t, n], b [t, m], the result [n, m].
at::Tensor multiply_transposed(const at::Tensor& a, const at::Tensor& b);

}  // namespace holdfast::quant
