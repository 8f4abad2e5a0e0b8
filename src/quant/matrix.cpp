#include "quant/matrix.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <utility>
#include <vector>

#include "base/error.h"

namespace holdfast::quant {
namespace {

Rows rows_of(const at::Tensor& x) {
  HOLDFAST_ASSERT(x.dim() == 2 && (x.stride(1) == 1 || x.size(1) == 1));
  return {x.const_data_ptr<float>(), x.size(0), x.stride(0)};
}

// The terms that a product takes along, and those whose rank is too large for that.
std::pair<std::vector<Addend>, std::vector<const LowRank*>> addends_of(std::span<const LowRank> terms) {
  std::pair<std::vector<Addend>, std::vector<const LowRank*>> result;
  for (const LowRank& term : terms) {
    if (term.s.size(1) > kMostAddendRank) {
      result.second.push_back(&term);
    } else {
      result.first.push_back({term.begin, term.end, rows_of(term.s), term.s.size(1), view_of(term.factor)});
    }
  }
  return result;
}

}  // namespace

Matrix Matrix::dense(at::Tensor weight, bool in_panels) {
  HOLDFAST_ASSERT(weight.dim() == 2);
  Matrix matrix;
  matrix.dense_ = weight.contiguous();
  matrix.is_in_panels_ = in_panels;
  return matrix;
}

Matrix::Matrix(Nf4Weight weight) : nf4_(std::move(weight)) {}

bool Matrix::has_view() const { return nf4_ || dense_.scalar_type() != at::kDouble; }

WeightView Matrix::view() const { return nf4_ ? view_of(*nf4_) : view_of(dense_, is_in_panels_); }

void Matrix::put_in_panels() {
  if (is_empty() || !has_view() || is_in_panels_) return;
  if (nf4_) {
    quant::put_in_panels(*nf4_);
  } else {
    dense_ = in_panels(dense_);
    is_in_panels_ = true;
  }
}

at::Tensor Matrix::multiply(const at::Tensor& x, std::span<const LowRank> terms) const {
  if (x.scalar_type() != at::kFloat || !has_view()) {
    at::Tensor scratch, y = at::mm(x, dense_into(scratch, x.scalar_type()).t());
    for (const LowRank& term : terms) y.narrow(0, term.begin, term.end - term.begin).addmm_(term.s, term.factor.t());
    return y;
  }
  at::Tensor y = at::empty({x.size(0), out_features()}, x.options());
  const auto [small, large] = addends_of(terms);
  quant::multiply(view(), rows_of(x), y.data_ptr<float>(), y.size(1), /*adds=*/false, small);
  for (const LowRank* term : large) {
    at::Tensor own = y.narrow(0, term->begin, term->end - term->begin);
    multiply_add(term->s, term->factor, own);
  }
  return y;
}

at::Tensor Matrix::multiply_back(const at::Tensor& dy, std::span<const LowRank> terms) const {
  if (dy.scalar_type() != at::kFloat || !has_view()) {
    at::Tensor scratch, dx = at::mm(dy, dense_into(scratch, dy.scalar_type()));
    for (const LowRank& term : terms) dx.narrow(0, term.begin, term.end - term.begin).addmm_(term.s, term.factor);
    return dx;
  }
  at::Tensor dx = at::empty({dy.size(0), in_features()}, dy.options());
  const auto [small, large] = addends_of(terms);
  quant::multiply_back(view(), rows_of(dy), dx.data_ptr<float>(), dx.size(1), /*adds=*/false, small);
  for (const LowRank* term : large) {
    at::Tensor own = dx.narrow(0, term->begin, term->end - term->begin);
    multiply_back_add(term->s, term->factor, own);
  }
  return dx;
}

at::Tensor multiply(const at::Tensor& x, const at::Tensor& weight) {
  if (x.scalar_type() != at::kFloat) return at::mm(x, weight.t());
  at::Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
  multiply(view_of(weight), rows_of(x), y.data_ptr<float>(), y.size(1));
  return y;
}

void multiply_add(const at::Tensor& x, const at::Tensor& weight, at::Tensor& y) {
  if (x.scalar_type() != at::kFloat) {
    y.addmm_(x, weight.t());
    return;
  }
  HOLDFAST_ASSERT(y.stride(1) == 1);
  multiply(view_of(weight), rows_of(x), y.data_ptr<float>(), y.stride(0), /*adds=*/true);
}

at::Tensor multiply_back(const at::Tensor& dy, const at::Tensor& weight) {
  if (dy.scalar_type() != at::kFloat) return at::mm(dy, weight);
  at::Tensor dx = at::empty({dy.size(0), weight.size(1)}, dy.options());
  multiply_back(view_of(weight), rows_of(dy), dx.data_ptr<float>(), dx.size(1));
  return dx;
}

void multiply_back_add(const at::Tensor& dy, const at::Tensor& weight, at::Tensor& dx) {
  if (dy.scalar_type() != at::kFloat) {
    dx.addmm_(dy, weight);
    return;
  }
  HOLDFAST_ASSERT(dx.stride(1) == 1);
  multiply_back(view_of(weight), rows_of(dy), dx.data_ptr<float>(), dx.stride(0), /*adds=*/true);
}

at::Tensor multiply_transposed(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != at::kFloat) return at::mm(a.t(), b);
  at::Tensor out = at::zeros({a.size(1), b.size(1)}, a.options());
  multiply_transposed(rows_of(a), a.size(1), rows_of(b), b.size(1), out.data_ptr<float>());
  return out;
}

at::Tensor Matrix::dense_into(at::Tensor& scratch, at::ScalarType type) const {
  if (!nf4_ && !is_in_panels_ && dense_.scalar_type() == type) return dense_;
  const std::int64_t n = out_features() * in_features();
  if (!scratch.defined() || scratch.scalar_type() != type || scratch.numel() < n) scratch = at::empty({n}, type);
  at::Tensor out = scratch.narrow(0, 0, n).view({out_features(), in_features()});
  if (!nf4_ && !is_in_panels_) {
    out.copy_(dense_);
  } else if (type == at::kFloat) {
    unpack_rows(view(), 0, out_features(), out.data_ptr<float>());
  } else {
    at::Tensor values = at::empty({out_features(), in_features()}, at::kFloat);
    unpack_rows(view(), 0, out_features(), values.data_ptr<float>());
    out.copy_(values);
  }
  return out;
}

void Matrix::gather_rows(std::span<const std::int64_t> rows, at::Tensor& out) const {
  HOLDFAST_ASSERT(!nf4_ && out.size(0) == static_cast<std::int64_t>(rows.size()) && out.is_contiguous());
  if (!is_in_panels_) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      out.select(0, static_cast<std::int64_t>(i)).copy_(dense_.select(0, rows[i]));
    return;
  }
  const WeightView weight = view();
  at::parallel_for(0, static_cast<std::int64_t>(rows.size()), 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = rows[static_cast<std::size_t>(i)];
      unpack_rows(weight, row, row + 1, out.data_ptr<float>() + i * in_features());
    }
  });
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
