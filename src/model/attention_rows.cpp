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

constexpr std::int64_t kChain = 256;  // keys of one chain of a row's sum over values

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// Of a thread, so that a row does not wait for memory.
struct Room {
  std::vector<float> keys, scores, queries, chain;
  std::vector<const float*> key_panels, value_panels;
};

Room& room_of_thread() {
  thread_local Room room;
  return room;
}

template <typename T>
T* at_least(std::vector<T>& place, std::int64_t count) {
  if (static_cast<std::int64_t>(place.size()) < count) place.resize(static_cast<std::size_t>(count));
  return place.data();
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

std::int64_t first_key(const AttentionShape& shape, std::int64_t position) {
  return shape.window > 0 ? std::max<std::int64_t>(0, position - shape.window + 1) : 0;
}

class Head {
 public:
  Head(const QueryRows& rows, const KeyPanels& panels, const AttentionShape& shape, std::int64_t kv_head)
      : rows_(rows),
        panels_(panels),
        shape_(shape),
        kernels_(quant::panel_kernels()),
        room_(room_of_thread()),
        group_(shape.num_heads / shape.num_kv_heads),
        k_(shape.head_dim),
        first_head_(kv_head * group_) {
    const std::int64_t keys = rows.position + rows.count - begin_of(0);
    scores_ = at_least(room_.scores, kTileRows * round_up(keys, kPanelRows));
    queries_ = at_least(room_.queries, kTileRows * k_);
  }

  void run(float* log_sum_exp, std::int64_t log_stride) {
    for (std::int64_t row = 0; row < rows_.count * group_; row += kTileRows)
      run_rows(row, std::min<std::int64_t>(kTileRows, rows_.count * group_ - row), log_sum_exp, log_stride);
  }

 private:
  std::int64_t query_of(std::int64_t row) const { return row / group_; }
  std::int64_t head_of(std::int64_t row) const { return first_head_ + row % group_; }
  // The first place of the panel with the first key that the row's query sees.
  std::int64_t begin_of(std::int64_t row) const {
    return first_key(shape_, rows_.position + query_of(row)) / kPanelRows * kPanelRows;
  }

  // Up to eight rows: scores of all keys in sight, their softmax, and the sum of the values.
  void run_rows(std::int64_t row, std::int64_t count, float* log_sum_exp, std::int64_t log_stride) {
    const std::int64_t begin = begin_of(row), end = rows_.position + query_of(row + count - 1) + 1;
    const std::int64_t width = round_up(end - begin, kPanelRows);
    score(row, count, begin, width);
    float sums[kTileRows];
    for (std::int64_t r = 0; r < count; ++r) {
      float* z = scores_ + r * width;
      const std::int64_t position = rows_.position + query_of(row + r), first = first_key(shape_, position);
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
    for (std::int64_t r = 0; r < count; ++r) {
      const float* q = rows_.q + query_of(row + r) * shape_.num_heads * k_ + head_of(row + r) * k_;
      std::copy(q, q + k_, queries_ + r * k_);
    }
    for (std::int64_t j = 0; j < width; j += kPanelRows) {
      kernels_.tile_32({queries_, k_, 1, panels_.keys[(begin + j) / kPanelRows], kPanelRows, k_, scores_ + j, width,
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

  // out [count, 32] = sums over keys begin .. end of p times numbers c .. c + lanes of the values, chain by chain.
  void add_values(std::int64_t count, std::int64_t begin, std::int64_t end, std::int64_t width, std::int64_t c,
                  std::int64_t lanes, float* out) {
    alignas(64) float chain[kTileRows * kPanelRows];
    for (std::int64_t j = begin; j < end;) {
      const std::int64_t stop = std::min(end, (j / kChain + 1) * kChain);
      float* sums = j == begin ? out : chain;
      for (std::int64_t piece = j; piece < stop;) {
        const std::int64_t piece_end = std::min(stop, piece + contiguous(piece, stop));
        std::int64_t step = panels_.value_stride;
        const float* values = panels_.values[piece / kPanelRows] + c;
        if (lanes < kPanelRows && !panels_.has_room) {
          values = padded(values, piece_end - piece, lanes);
          step = kPanelRows;
        }
        kernels_.tile_32({scores_ + (piece - begin), width, 1, values, step, piece_end - piece, sums, kPanelRows,
                          static_cast<int>(count), /*adds=*/false, /*continues=*/piece > j});
        piece = piece_end;
      }
      for (std::int64_t i = 0; j > begin && i < count * kPanelRows; ++i) out[i] += chain[i];
      j = stop;
    }
  }

  // How many rows of values stand one after the other from `place` on.
  std::int64_t contiguous(std::int64_t place, std::int64_t stop) const {
    const float* const* panel = panels_.values + place / kPanelRows;
    std::int64_t count = kPanelRows;
    while (place + count < stop && panel[1] == panel[0] + kPanelRows * panels_.value_stride)
      count += kPanelRows, ++panel;
    return count;
  }

  // A tile reads 32 numbers of each row.
  const float* padded(const float* values, std::int64_t count, std::int64_t lanes) {
    float* to = at_least(room_.chain, kChain * kPanelRows);
    std::fill(to, to + count * kPanelRows, 0.0f);
    for (std::int64_t i = 0; i < count; ++i, values += panels_.value_stride)
      std::copy(values, values + lanes, to + i * kPanelRows);
    return to;
  }

  const QueryRows& rows_;
  const KeyPanels& panels_;
  const AttentionShape& shape_;
  const PanelKernels& kernels_;
  Room& room_;
  std::int64_t group_, k_, first_head_;
  float *scores_, *queries_;
};

// 32 keys of one head from `count` rows, [k, 32]; each 32 numbers of k take a whole block.
void transpose_keys(const float* keys, std::int64_t stride, std::int64_t count, std::int64_t k, float* out) {
  const PanelKernels& kernels = quant::panel_kernels();
  alignas(64) float rows[kPanelRows * kPanelRows];
  for (std::int64_t c = 0; c < k; c += kPanelRows, out += kPanelRows * kPanelRows) {
    const std::int64_t width = std::min(kPanelRows, k - c);
    if (count == kPanelRows && width == kPanelRows) {
      kernels.transpose(keys + c, stride, out);
      continue;
    }
    std::memset(rows, 0, sizeof rows);
    for (std::int64_t i = 0; i < count; ++i) {
      const float* key = keys + i * stride + c;
      std::copy(key, key + width, rows + i * kPanelRows);
    }
    kernels.transpose(rows, kPanelRows, out);
  }
}

}  // namespace

void attend_rows(const QueryRows& rows, const KeyPanels& panels, const AttentionShape& shape, std::int64_t kv_head,
                 float* log_sum_exp, std::int64_t log_stride) {
  if (rows.count > 0) Head(rows, panels, shape, kv_head).run(log_sum_exp, log_stride);
}

void attend_rows(const QueryRows& rows, const KeyRows& keys, const AttentionShape& shape, std::int64_t kv_head,
                 float* log_sum_exp, std::int64_t log_stride) {
  if (rows.count == 0) return;
  const std::int64_t k = shape.head_dim, stride = shape.num_kv_heads * k, column = kv_head * k;
  const std::int64_t begin = first_key(shape, rows.position) / kPanelRows, end = rows.position + rows.count,
                     panels = (end + kPanelRows - 1) / kPanelRows, panel_size = kPanelRows * round_up(k, kPanelRows);
  Room& room = room_of_thread();
  float* transposed = at_least(room.keys, (panels - begin) * panel_size);
  const float** key_panels = at_least(room.key_panels, panels);
  const float** value_panels = at_least(room.value_panels, panels);
  for (std::int64_t panel = begin; panel < panels; ++panel, transposed += panel_size) {
    const std::int64_t row = panel * kPanelRows;
    transpose_keys(keys.keys + row * stride + column, stride, std::min(kPanelRows, end - row), k, transposed);
    key_panels[panel] = transposed;
    value_panels[panel] = keys.values + row * stride + column;
  }
  attend_rows(rows, KeyPanels{key_panels, value_panels, stride, /*has_room=*/false}, shape, kv_head, log_sum_exp,
              log_stride);
}

}  // namespace holdfast::model
