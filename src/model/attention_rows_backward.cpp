#include "model/attention_rows_backward.h"

#include <algorithm>
#include <vector>

#include "base/simd.h"
#include "model/attention_block.h"
#include "model/elementary.h"
#include "quant/panel_kernels.h"

namespace holdfast::model {
namespace {

using quant::kPanelRows;
using quant::kTileRows;

constexpr std::int64_t kQueries = 64, kKeys = 256;  // of a block: multiples of a panel's 32

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// z[0 .. count) holds q . k: becomes p, and `slope` (null: no cap) the cap's derivative.
HOLDFAST_CLONES void probabilities(float* z, std::int64_t count, float scale, float cap, float log_sum, float* slope) {
  if (slope != nullptr) {
#pragma omp simd
    for (std::int64_t j = 0; j < count; ++j) {
      const float t = tanh_of(z[j] * scale / cap);
      slope[j] = 1.0f - t * t;
      z[j] = exp_of(cap * t - log_sum);
    }
  } else {
#pragma omp simd
    for (std::int64_t j = 0; j < count; ++j) z[j] = exp_of(z[j] * scale - log_sum);
  }
}

// dz[j] holds dout . v: becomes scale * p (dz - own), times the slope.
HOLDFAST_CLONES void score_gradients(float* dz, const float* p, std::int64_t count, float own, float scale,
                                     const float* slope) {
  if (slope != nullptr) {
#pragma omp simd
    for (std::int64_t j = 0; j < count; ++j) dz[j] = scale * (p[j] * (dz[j] - own)) * slope[j];
  } else {
#pragma omp simd
    for (std::int64_t j = 0; j < count; ++j) dz[j] = scale * (p[j] * (dz[j] - own));
  }
}

// In sixteen chains, so that the bits are the same with every width of registers.
HOLDFAST_CLONES float dot(const float* a, const float* b, std::int64_t count) {
  constexpr std::int64_t kLanes = 16;
  float lanes[kLanes] = {};
  for (std::int64_t j = 0; j < count; j += kLanes) {
#pragma omp simd
    for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] += a[j + l] * b[j + l];
  }
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::int64_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

class Head {
 public:
  Head(const HeadBackward& head, const AttentionShape& shape)
      : head_(head),
        shape_(shape),
        kernels_(quant::panel_kernels()),
        k_(shape.head_dim),
        width_(round_up(k_, kPanelRows)),
        rows_(round_up(head.count, kPanelRows)),
        scale_(static_cast<float>(attention_scale(shape))) {
    q_ = padded(head.q);
    dout_ = padded(head.dout);
    keys_ = padded(head.k);
    const std::vector<float> values = padded(head.v), out = padded(head.out);
    key_panels_ = panels(keys_);
    value_panels_ = panels(values);
    for (auto* gradient : {&dq_, &dk_, &dv_}) gradient->assign(static_cast<std::size_t>(rows_ * width_), 0.0f);
    own_.resize(static_cast<std::size_t>(head.count));
    for (std::int64_t i = 0; i < head.count; ++i)
      own_[static_cast<std::size_t>(i)] = dot(dout_.data() + i * width_, out.data() + i * width_, width_);
    p_.resize(kQueries * kKeys);
    dz_.resize(kQueries * kKeys);
    if (shape.soft_cap > 0) slope_.resize(kQueries * kKeys);
  }

  void run() {
    for (std::int64_t i = 0; i < head_.count; i += kQueries) {
      const std::int64_t queries = std::min(kQueries, head_.count - i), end = i + queries;
      for (std::int64_t j = first_key(i) / kPanelRows * kPanelRows; j < end; j += kKeys)
        run_block(i, queries, j, std::min(kKeys, round_up(end - j, kPanelRows)));
    }
    copy_out(dq_, head_.dq, head_.dq_stride);
    copy_out(dk_, head_.dk, k_);
    copy_out(dv_, head_.dv, k_);
  }

 private:
  std::int64_t first_key(std::int64_t query) const {
    return shape_.window > 0 ? std::max<std::int64_t>(0, query - shape_.window + 1) : 0;
  }

  std::vector<float> padded(const HeadRows& rows) const {
    std::vector<float> copy(static_cast<std::size_t>(rows_ * width_), 0.0f);
    for (std::int64_t i = 0; i < head_.count; ++i)
      std::copy(rows.data + i * rows.stride, rows.data + i * rows.stride + k_, copy.data() + i * width_);
    return copy;
  }

  // [panel][width][32] of rows [., width].
  std::vector<float> panels(const std::vector<float>& rows) const {
    std::vector<float> result(rows.size());
    for (std::int64_t row = 0; row < rows_; row += kPanelRows) {
      for (std::int64_t c = 0; c < width_; c += kPanelRows)
        kernels_.transpose(rows.data() + row * width_ + c, width_, result.data() + row * width_ + c * kPanelRows);
    }
    return result;
  }

  void copy_out(const std::vector<float>& from, float* to, std::int64_t stride) const {
    for (std::int64_t i = 0; i < head_.count; ++i)
      std::copy(from.data() + i * width_, from.data() + i * width_ + k_, to + i * stride);
  }

  // Queries i .. i + queries and keys j .. j + keys, of which the last may lie beyond what is seen or beyond the end.
  void run_block(std::int64_t i, std::int64_t queries, std::int64_t j, std::int64_t keys) {
    for (std::int64_t r = 0; r < queries; r += kTileRows) {
      const int rows = static_cast<int>(std::min<std::int64_t>(kTileRows, queries - r));
      const std::int64_t seen = std::clamp<std::int64_t>(round_up(i + r + rows - j, kPanelRows), 0, keys);
      for (std::int64_t c = 0; c < seen; c += kPanelRows) {
        const std::int64_t panel = (j + c) * width_;
        kernels_.tile_32({q_.data() + (i + r) * width_, width_, 1, key_panels_.data() + panel, kPanelRows, k_,
                          p_.data() + r * keys + c, keys, rows, false});
        kernels_.tile_32({dout_.data() + (i + r) * width_, width_, 1, value_panels_.data() + panel, kPanelRows, k_,
                          dz_.data() + r * keys + c, keys, rows, false});
      }
      for (std::int64_t row = r; row < r + rows; ++row) finish_row(i + row, row * keys, j, seen, keys);
    }
    add_query_gradients(i, queries, j, keys);
    add_key_gradients(i, queries, j, keys);
  }

  // Makes p and dz of a row, zero where the query does not look.
  void finish_row(std::int64_t query, std::int64_t place, std::int64_t j, std::int64_t seen, std::int64_t keys) {
    const std::int64_t first = std::clamp<std::int64_t>(first_key(query) - j, 0, seen),
                       end = std::clamp<std::int64_t>(query + 1 - j, first, seen);
    float *p = p_.data() + place, *dz = dz_.data() + place, *slope = slope_.empty() ? nullptr : slope_.data() + place;
    probabilities(p + first, end - first, scale_, static_cast<float>(shape_.soft_cap), head_.log_sum_exp[query],
                  slope == nullptr ? nullptr : slope + first);
    score_gradients(dz + first, p + first, end - first, own_[static_cast<std::size_t>(query)], scale_,
                    slope == nullptr ? nullptr : slope + first);
    for (float* row : {p, dz}) {
      std::fill(row, row + first, 0.0f);
      std::fill(row + end, row + keys, 0.0f);
    }
  }

  void add_query_gradients(std::int64_t i, std::int64_t queries, std::int64_t j, std::int64_t keys) {
    for (std::int64_t r = 0; r < queries; r += kTileRows) {
      const int rows = static_cast<int>(std::min<std::int64_t>(kTileRows, queries - r));
      const std::int64_t seen = std::clamp<std::int64_t>(i + r + rows - j, 0, keys);
      if (seen == 0) continue;
      for (std::int64_t c = 0; c < width_; c += kPanelRows)
        kernels_.tile_32({dz_.data() + r * keys, keys, 1, keys_.data() + j * width_ + c, width_,
                          std::min(seen, rows_ - j), dq_.data() + (i + r) * width_ + c, width_, rows, true});
    }
  }

  // A key's sum begins at the first tile of queries that may look at it.
  void add_key_gradients(std::int64_t i, std::int64_t queries, std::int64_t j, std::int64_t keys) {
    for (std::int64_t key = 0; key < std::min(keys, rows_ - j); key += kTileRows) {
      const std::int64_t skipped = std::clamp<std::int64_t>(j + key - i, 0, queries) / kTileRows * kTileRows;
      if (skipped == queries) continue;
      for (std::int64_t c = 0; c < width_; c += kPanelRows) {
        const std::int64_t from = (i + skipped) * width_ + c, to = (j + key) * width_ + c;
        kernels_.tile_32({dz_.data() + skipped * keys + key, 1, keys, q_.data() + from, width_, queries - skipped,
                          dk_.data() + to, width_, kTileRows, true});
        kernels_.tile_32({p_.data() + skipped * keys + key, 1, keys, dout_.data() + from, width_, queries - skipped,
                          dv_.data() + to, width_, kTileRows, true});
      }
    }
  }

  const HeadBackward& head_;
  const AttentionShape& shape_;
  const quant::PanelKernels& kernels_;
  std::int64_t k_, width_, rows_;  // width_, rows_: k and s in whole panels
  float scale_;
  std::vector<float> q_, dout_, keys_, key_panels_, value_panels_, dq_, dk_, dv_, own_, p_, dz_, slope_;
};

}  // namespace

void attend_rows_backward(const HeadBackward& head, const AttentionShape& shape) {
  if (head.count > 0) Head(head, shape).run();
}

}  // namespace holdfast::model
