#include "quant/matrix.h"

#include <ATen/ops/empty.h>

#include "base/error.h"

namespace holdfast::quant {

Matrix Matrix::dense(at::Tensor weight) {
  HOLDFAST_ASSERT(weight.dim() == 2);
  Matrix matrix;
  matrix.dense_ = weight.contiguous();
  return matrix;
}

Matrix::Matrix(Nf4Weight weight) : nf4_(std::move(weight)) {}

at::Tensor Matrix::dense_into(at::Tensor& scratch, at::ScalarType type) const {
  if (!nf4_ && dense_.scalar_type() == type) return dense_;
  const std::int64_t n = out_features() * in_features();
  if (!scratch.defined() || scratch.scalar_type() != type || scratch.numel() < n) scratch = at::empty({n}, type);
  at::Tensor out = scratch.narrow(0, 0, n).view({out_features(), in_features()});
  if (!nf4_) {
    out.copy_(dense_);
  } else if (type == at::kFloat) {
    dequantize_nf4(*nf4_, out.data_ptr<float>(), 0, out_features());
  } else {
    out.copy_(dequantize_nf4(*nf4_));
  }
  return out;
}

void Matrix::gather_rows(std::span<const std::int64_t> rows, at::Tensor& out) const {
  HOLDFAST_ASSERT(!nf4_ && out.size(0) == static_cast<std::int64_t>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i)
    out.select(0, static_cast<std::int64_t>(i)).copy_(dense_.select(0, rows[i]));
}

const char* Matrix::storage_name() const {
  if (nf4_) return nf4_->levels == &quant::fp4_levels() ? "fp4" : "nf4";
  switch (dense_.scalar_type()) {
    case at::kBFloat16:
      return "bf16";
    case at::kHalf:
      return "fp16";
    case at::kDouble:
      return "fp64";
    default:
      return "fp32";
  }
}

std::int64_t Matrix::bytes() const {
  if (nf4_) return nf4_->bytes();
  return dense_.defined() ? dense_.numel() * static_cast<std::int64_t>(dense_.element_size()) : 0;
}

}  // namespace holdfast::quant
