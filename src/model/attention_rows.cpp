#include "model/attention_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/simd.h"
#include "model/attention_block.h"
#include "model/elementary.h"
#include "model/softmax.h"
#include "quant/panel_kernels.h"

namespace holdfast::model {
namespace {

using quant::kPanelRows;
using quant::kTileRows;
using quant::PanelKernels;
using quant::Tile;

constexpr std::int64_t kChain = 256;  // keys of one chain of a row's sum over values

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

const float* row_of(const Segments& segments, std::int64_t row, std::int64_t stride) {
  return row < segments.first_rows ? segments.first + row * stride
                                   : segments.second + (row - segments.first_rows) * stride;
}

// Scaled, and capped where there is a cap.
HOLDFAST_CLONES void scale_scores(float* z, std::int64_t count, float scale, float cap) {
  if (cap > 0) {
#pragma omp simd
    for (std::int64_t j = 0; j < count; ++j) z[j] = cap * tanh_of(z[j] * scale / cap);
  } else {
#pragma omp simd
    for (std::int64_t j = 0; j < count; ++j) z[j] *= scale;
  }
}

class Head {
 public:
  Head(const QueryRows& rows, const Segments& keys, const Segments& values, const AttentionShape& shape,
       std::int64_t kv_head)
      : rows_(rows),
        values_(values),
        shape_(shape),
        kernels_(quant::panel_kernels()),
        group_(shape.num_heads / shape.num_kv_heads),
        k_(shape.head_dim),
        stride_(shape.num_kv_heads * k_),
        column_(kv_head * k_),
        first_head_(kv_head * group_) {
    // Whole panels of keys, from the first that any query sees.
    begin_ = first_key(rows.position) / kPanelRows * kPanelRows;
    end_ = rows.position + rows.count;
    const std::int64_t panels = (end_ - begin_ + kPanelRows - 1) / kPanelRows;
    keys_.resize(static_cast<std::size_t>(panels * kPanelRows * round_up(k_, kPanelRows)));
    for (std::int64_t panel = 0; panel < panels; ++panel) transpose_keys(keys, panel);
    scores_.resize(static_cast<std::size_t>(kTileRows * panels * kPanelRows));
  }

  void run(float* log_sum_exp, std::int64_t log_stride) {
    for (std::int64_t row = 0; row < rows_.count * group_; row += kTileRows)
      run_rows(row, std::min<std::int64_t>(kTileRows, rows_.count * group_ - row), log_sum_exp, log_stride);
  }

 private:
  std::int64_t first_key(std::int64_t position) const {
    return shape_.window > 0 ? std::max<std::int64_t>(0, position - shape_.window + 1) : 0;
  }
  std::int64_t query_of(std::int64_t row) const { return row / group_; }
  std::int64_t head_of(std::int64_t row) const { return first_head_ + row % group_; }

  // keys_[panel] = [k, 32]: number c of 32 keys side by side.
  void transpose_keys(const Segments& keys, std::int64_t panel) {
    alignas(64) float padded[kPanelRows * kPanelRows];
    float* out = keys_.data() + panel * kPanelRows * round_up(k_, kPanelRows);
    const std::int64_t begin = begin_ + panel * kPanelRows, count = std::min(kPanelRows, end_ - begin);
    const bool is_whole = count == kPanelRows && (begin >= keys.first_rows || begin + count <= keys.first_rows);
    for (std::int64_t c = 0; c < k_; c += kPanelRows, out += kPanelRows * kPanelRows) {
      const std::int64_t width = std::min(kPanelRows, k_ - c);
      if (is_whole && width == kPanelRows) {
        kernels_.transpose(row_of(keys, begin, stride_) + column_ + c, stride_, out);
        continue;
      }
      std::memset(padded, 0, sizeof padded);
      for (std::int64_t j = 0; j < count; ++j) {
        const float* key = row_of(keys, begin + j, stride_) + column_ + c;
        std::copy(key, key + width, padded + j * kPanelRows);
      }
      kernels_.transpose(padded, kPanelRows, out);
    }
  }

  // Up to eight rows: scores of all keys in sight, their softmax, and the sum of the values.
  void run_rows(std::int64_t row, std::int64_t count, float* log_sum_exp, std::int64_t log_stride) {
    const std::int64_t begin = first_key(rows_.position + query_of(row)) / kPanelRows * kPanelRows,
                       end = rows_.position + query_of(row + count - 1) + 1;
    const std::int64_t width = round_up(end - begin, kPanelRows);
    score(row, count, begin, width);
    float sums[kTileRows];
    for (std::int64_t r = 0; r < count; ++r) {
      float* z = scores_.data() + r * width;
      const std::int64_t position = rows_.position + query_of(row + r), first = first_key(position);
      float largest = 0;
      sums[r] = normalise(z, first - begin, position + 1 - begin, width, head_of(row + r), largest);
      if (log_sum_exp != nullptr)
        log_sum_exp[head_of(row + r) * log_stride + query_of(row + r)] = std::log(sums[r]) + largest;
    }
    alignas(64) float out[kTileRows * kPanelRows];
    for (std::int64_t c = 0; c < k_; c += kPanelRows) {
      const std::int64_t lanes = std::min(kPanelRows, k_ - c);
      add_values(count, begin, end, width, c, lanes, out);
      for (std::int64_t r = 0; r < count; ++r) {
        float* place = rows_.out + query_of(row + r) * shape_.num_heads * k_ + head_of(row + r) * k_ + c;
        for (std::int64_t l = 0; l < lanes; ++l) place[l] = out[r * kPanelRows + l] / sums[r];
      }
    }
  }

  // scores_ [count, width] of keys begin .. begin + width.
  void score(std::int64_t row, std::int64_t count, std::int64_t begin, std::int64_t width) {
    const std::int64_t panel_size = kPanelRows * round_up(k_, kPanelRows);
    const float* q[kTileRows];
    for (std::int64_t r = 0; r < count; ++r)
      q[r] = rows_.q + query_of(row + r) * shape_.num_heads * k_ + head_of(row + r) * k_;
    queries_.resize(static_cast<std::size_t>(kTileRows * k_));
    for (std::int64_t r = 0; r < count; ++r) std::copy(q[r], q[r] + k_, queries_.data() + r * k_);
    for (std::int64_t j = 0; j < width; j += kPanelRows) {
      const float* panel = keys_.data() + (begin - begin_ + j) / kPanelRows * panel_size;
      kernels_.tile_32({queries_.data(), k_, 1, panel, kPanelRows, k_, scores_.data() + j, width,
                        static_cast<int>(count), /*adds=*/false});
    }
  }

  // Of z [width] the numbers first .. end are seen: they become exp(z - largest), the rest 0.  Returns their sum.
  float normalise(float* z, std::int64_t first, std::int64_t end, std::int64_t width, std::int64_t head,
                  float& largest) const {
    std::fill(z, z + first, 0.0f);
    std::fill(z + end, z + width, 0.0f);
    scale_scores(z + first, end - first, static_cast<float>(attention_scale(shape_)),
                 static_cast<float>(shape_.soft_cap));
    largest = largest_of(z + first, end - first);
    const float* sinks = shape_.sinks.defined() ? shape_.sinks.const_data_ptr<float>() : nullptr;
    if (sinks != nullptr) largest = std::max(largest, sinks[head]);
    exponentiate(z + first, end - first, largest);
    const float sum = sum_in_lanes(z, width);
    return sinks == nullptr ? sum : sum + exp_of(sinks[head] - largest);
  }

  // out [count, 32] = sums over keys begin .. end of p times numbers c .. c + lanes of the values.
  void add_values(std::int64_t count, std::int64_t begin, std::int64_t end, std::int64_t width, std::int64_t c,
                  std::int64_t lanes, float* out) {
    bool adds = false;
    for (std::int64_t j = begin; j < end; adds = true) {
      const std::int64_t stop = std::min(end, (j / kChain + 1) * kChain);
      const float* value = row_of(values_, j, stride_) + column_ + c;
      std::int64_t step = stride_;
      const bool is_cut = j < values_.first_rows && stop > values_.first_rows;
      if (is_cut || lanes < kPanelRows) {  // a tile reads all 32 numbers, of rows one after the other
        chain_.assign(static_cast<std::size_t>((stop - j) * kPanelRows), 0.0f);
        for (std::int64_t i = j; i < stop; ++i) {
          const float* from = row_of(values_, i, stride_) + column_ + c;
          std::copy(from, from + lanes, chain_.data() + (i - j) * kPanelRows);
        }
        value = chain_.data();
        step = kPanelRows;
      }
      kernels_.tile_32({scores_.data() + (j - begin), width, 1, value, step, stop - j, out, kPanelRows,
                        static_cast<int>(count), adds});
      j = stop;
    }
  }

  const QueryRows& rows_;
  const Segments& values_;
  const AttentionShape& shape_;
  const PanelKernels& kernels_;
  std::int64_t group_, k_, stride_, column_, first_head_, begin_ = 0, end_ = 0;
  std::vector<float> keys_, scores_, queries_, chain_;
};

}  // namespace

void attend_rows(const QueryRows& rows, const Segments& keys, const Segments& values, const AttentionShape& shape,
                 std::int64_t kv_head, float* log_sum_exp, std::int64_t log_stride) {
  if (rows.count > 0) Head(rows, keys, values, shape, kv_head).run(log_sum_exp, log_stride);
}

}  // namespace holdfast::model
