// Products of activations with a frozen matrix W [out, in], and the order in memory that they read it in.
//
//   forward    y[i, n]  = sum over k of  x[i, k] W[n, k]        x [t, in], y [t, out]
//   backward   dx[i, k] = sum over n of dy[i, n] W[n, k]        dy [t, out], dx [t, in]
//
// Panels  32 rows of W make a panel, in which number k of all 32 rows stand side by side: (n, k) is number
//         (k * 32 + n % 32) of panel n / 32.  Of NF4 a step of k has 16 bytes: byte b holds row b in its low nibble and
//         row b + 16 in its high one.  A panel takes its rows' own place, so nothing grows; rows after the last whole
//         panel stay as they were.  The products take rows too, at the price of a transposition.
// Bits    each number of y (dx) is a sum of float chains of 256 fused multiply-adds each, k (n) from 0 up.  So it
// depends
//         neither on the other rows, nor on threads, instruction set or layout: a batch gives each of its rows what the
//         row gets alone.
// Work    weights narrower than float are widened a piece at a time into a buffer that stays in cache.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "quant/nf4.h"

namespace holdfast::quant {

// Where the numbers of a matrix stand.
struct WeightView {
  enum class Kind { kFloat, kBf16, kHalf, kNf4 };
  Kind kind = Kind::kFloat;
  bool in_panels = false;
  std::int64_t out_features = 0, in_features = 0;
  const void* data = nullptr;  // float, bf16, half or codes
  // Of NF4: the scales, or their codes with what those stand for.
  const float *scales = nullptr, *nested_scales = nullptr, *map = nullptr;
  const std::uint8_t* scale_codes = nullptr;
  float offset = 0;
  const float* levels = nullptr;
  std::int64_t block_size = 0;
};
// REQUIRES: contiguous, float, bf16 or half.
WeightView view_of(const at::Tensor& weight, bool in_panels = false);
WeightView view_of(const Nf4Weight& weight);

// A copy in panels.  REQUIRES: float, bf16 or half [out, in], contiguous.
at::Tensor in_panels(const at::Tensor& weight);
// Exchanges the codes for a copy in panels.  Nothing changes where the weight does not fit them: where its blocks of
// scales do not fill rows evenly.
void put_in_panels(Nf4Weight& weight);
// What put_in_panels does, for some rows and on the calling thread: their codes in panels at `to`, rows after the last
// whole panel as they are.  REQUIRES: the weight fits panels; the first row begins one.
void codes_in_panels(const std::uint8_t* codes, std::int64_t rows, std::int64_t in_features, std::uint8_t* to);

// Rows row_begin .. row_end as float, row-major.
void unpack_rows(const WeightView& weight, std::int64_t row_begin, std::int64_t row_end, float* out);

struct Rows {
  const float* data;
  std::int64_t count, stride;
};
// A low-rank term of some rows, added while they are at hand: y[begin .. end) += s F^T, F [out, r], in a product with
// W^T; dx[begin .. end) += s F, F [r, in], in one with W.  One more chain for each number.
inline constexpr std::int64_t kMostAddendRank = 256;
struct Addend {
  std::int64_t begin, end;
  Rows s;             // [end - begin, r]
  std::int64_t rank;  // r, at most kMostAddendRank
  WeightView factor;  // float, in rows
};
// y (+)= x W^T, and the addends.
void multiply(const WeightView& weight, Rows x, float* y, std::int64_t y_stride, bool adds = false,
              std::span<const Addend> addends = {});
// out[i, j] += sum over rows t of a[t, i] b[t, j]: chains of 256 rows, counted from the first.  out [n_a, n_b].
void multiply_transposed(Rows a, std::int64_t n_a, Rows b, std::int64_t n_b, float* out);
// dx (+)= dy W, and the addends.
void multiply_back(const WeightView& weight, Rows dy, float* dx, std::int64_t dx_stride, bool adds = false,
                   std::span<const Addend> addends = {});

}  // namespace holdfast::quant
