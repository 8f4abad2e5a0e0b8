#include "model/softmax.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/profile.h"
#include "base/simd.h"
#include "model/elementary.h"

namespace holdfast::model {
namespace {

constexpr std::int64_t kLanes = 16, kPiece = 4096;

float add_lanes(float* lanes) {
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::int64_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

// The sum of exp(z - largest) of one piece.
HOLDFAST_CLONES float piece_sum(const float* z, std::int64_t count, float largest) {
  float lanes[kLanes] = {};
  std::int64_t j = 0;
  for (; j + kLanes <= count; j += kLanes) {
#pragma omp simd
    for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] += exp_of(z[j + l] - largest);
  }
  for (std::int64_t l = 0; j + l < count; ++l) lanes[l] += exp_of(z[j + l] - largest);
  return add_lanes(lanes);
}

HOLDFAST_CLONES void scale_row(float* p, std::int64_t count, float factor) {
#pragma omp simd
  for (std::int64_t j = 0; j < count; ++j) p[j] *= factor;
}

double sum_exponentials(const float* z, std::int64_t count, float largest) {
  double sum = 0;
  for (std::int64_t j = 0; j < count; j += kPiece) sum += piece_sum(z + j, std::min(kPiece, count - j), largest);
  return sum;
}

}  // namespace

HOLDFAST_CLONES float largest_of(const float* z, std::int64_t count) {
  float largest = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : largest)
  for (std::int64_t j = 0; j < count; ++j) largest = z[j] > largest ? z[j] : largest;
  return largest;
}

HOLDFAST_CLONES void exponentiate(float* z, std::int64_t count, float largest) {
#pragma omp simd
  for (std::int64_t j = 0; j < count; ++j) z[j] = exp_of(z[j] - largest);
}

HOLDFAST_CLONES float sum_in_lanes(const float* p, std::int64_t count) {
  float lanes[kLanes] = {};
  for (std::int64_t j = 0; j < count; j += kLanes) {
#pragma omp simd
    for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] += p[j + l];
  }
  return add_lanes(lanes);
}

double log_sum_exp(const float* z, std::int64_t count) {
  const float largest = largest_of(z, count);
  return std::log(sum_exponentials(z, count, largest)) + static_cast<double>(largest);
}

at::Tensor softmax_rows(at::Tensor& logits) {
  HOLDFAST_ASSERT(logits.dim() == 2 && logits.is_contiguous());
  const profile::Phase phase("softmax");
  const std::int64_t n = logits.size(0), v = logits.size(1);
  if (logits.scalar_type() != at::kFloat) {
    const at::Tensor sums = at::logsumexp(logits, 1, /*keepdim=*/true);
    logits.sub_(sums).exp_();
    return sums.squeeze(1).to(at::kDouble);
  }
  at::Tensor log_sums = at::empty({n}, at::kDouble);
  at::parallel_for(0, n, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      float* z = logits.data_ptr<float>() + row * v;
      const float largest = largest_of(z, v);
      const double sum = sum_exponentials(z, v, largest);
      log_sums.data_ptr<double>()[row] = std::log(sum) + static_cast<double>(largest);
      exponentiate(z, v, largest);
      scale_row(z, v, static_cast<float>(1 / sum));
    }
  });
  return log_sums;
}

}  // namespace holdfast::model
