#include "quant/panel_reading.h"

#include <c10/util/Half.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace holdfast::quant {
namespace {

float widen(std::uint16_t number) { return std::bit_cast<float>(static_cast<std::uint32_t>(number) << 16); }

float scale_of(const WeightView& w, std::int64_t block) {
  if (w.scales != nullptr) return w.scales[block];
  return w.map[w.scale_codes[block]] * w.nested_scales[block / kNestedBlockSize] + w.offset;
}

// Numbers k .. k + count of some rows as [count, 32]; rows beyond them are zeros.  REQUIRES: float.
void few_columns(const WeightView& w, std::int64_t row_begin, std::int64_t num_rows, std::int64_t k, std::int64_t count,
                 float* out) {
  const float* from = static_cast<const float*>(w.data) + row_begin * w.in_features + k;
  for (std::int64_t j = 0; j < count; ++j, out += kPanelRows) {
    for (std::int64_t r = 0; r < num_rows; ++r) out[r] = from[r * w.in_features + j];
    std::fill(out + num_rows, out + kPanelRows, 0.0f);
  }
}

}  // namespace

void panel_scales(const WeightView& w, std::int64_t panel, std::int64_t k, float* scales) {
  const std::int64_t blocks = w.in_features / w.block_size;
  for (std::int64_t row = 0; row < kPanelRows; ++row)
    scales[row] = scale_of(w, (panel * kPanelRows + row) * blocks + k / w.block_size);
}

std::int64_t whole_panels(const WeightView& w) { return w.in_panels ? w.out_features / kPanelRows : 0; }

void read_row(const WeightView& w, std::int64_t row, std::int64_t k_begin, std::int64_t k_end, float* out) {
  const std::int64_t begin = row * w.in_features + k_begin, end = row * w.in_features + k_end;
  switch (w.kind) {
    case WeightView::Kind::kFloat:
      std::memcpy(out, static_cast<const float*>(w.data) + begin, static_cast<std::size_t>(end - begin) * sizeof *out);
      return;
    case WeightView::Kind::kBf16:
      for (std::int64_t i = begin; i < end; ++i) *out++ = widen(static_cast<const std::uint16_t*>(w.data)[i]);
      return;
    case WeightView::Kind::kHalf:
      for (std::int64_t i = begin; i < end; ++i) *out++ = static_cast<const c10::Half*>(w.data)[i];
      return;
    case WeightView::Kind::kNf4:
      break;
  }
  const auto* codes = static_cast<const std::uint8_t*>(w.data);
  for (std::int64_t i = begin; i < end;) {
    const std::int64_t block = i / w.block_size, last = std::min(end, (block + 1) * w.block_size);
    const float scale = scale_of(w, block);
    for (; i < last; ++i) *out++ = w.levels[i % 2 == 0 ? codes[i / 2] >> 4 : codes[i / 2] & 15] * scale;
  }
}

const float* read_panel(const WeightView& w, const PanelKernels& kernels, std::int64_t panel, std::int64_t k_begin,
                        std::int64_t k_end, float* buffer) {
  const std::int64_t first = panel * w.in_features + k_begin;
  switch (w.kind) {
    case WeightView::Kind::kFloat:
      return static_cast<const float*>(w.data) + first * kPanelRows;
    case WeightView::Kind::kBf16:
      kernels.widen_bf16(static_cast<const std::uint16_t*>(w.data) + first * kPanelRows, k_end - k_begin, buffer);
      return buffer;
    case WeightView::Kind::kHalf:
      kernels.widen_half(static_cast<const std::uint16_t*>(w.data) + first * kPanelRows, k_end - k_begin, buffer);
      return buffer;
    case WeightView::Kind::kNf4:
      break;
  }
  const std::uint8_t* codes = static_cast<const std::uint8_t*>(w.data) + first * kPanelRows / 2;
  float scales[kPanelRows];
  for (std::int64_t k = k_begin; k < k_end;) {
    const std::int64_t last = std::min(k_end, (k / w.block_size + 1) * w.block_size);
    panel_scales(w, panel, k, scales);
    kernels.widen_nf4(codes + (k - k_begin) * kPanelRows / 2, scales, w.levels, last - k,
                      buffer + (k - k_begin) * kPanelRows);
    k = last;
  }
  return buffer;
}

void read_rows_as_panel(const WeightView& w, const PanelKernels& kernels, std::int64_t row_begin, std::int64_t k_begin,
                        std::int64_t k_end, float* buffer) {
  alignas(64) float rows[kBlockNumbers], columns[kBlockNumbers];
  const std::int64_t num_rows = std::min(kPanelRows, w.out_features - row_begin);
  for (std::int64_t k = k_begin; k < k_end; k += kPanelRows) {
    const std::int64_t count = std::min(kPanelRows, k_end - k);
    if (count < kPanelRows && w.kind == WeightView::Kind::kFloat) {  // an adapter's few ranks: no block to transpose
      few_columns(w, row_begin, num_rows, k, count, buffer + (k - k_begin) * kPanelRows);
      continue;
    }
    if (count < kPanelRows || num_rows < kPanelRows) std::memset(rows, 0, sizeof rows);
    for (std::int64_t r = 0; r < num_rows; ++r) read_row(w, row_begin + r, k, k + count, rows + r * kPanelRows);
    kernels.transpose(rows, kPanelRows, columns);
    std::memcpy(buffer + (k - k_begin) * kPanelRows, columns,
                static_cast<std::size_t>(count * kPanelRows) * sizeof *rows);
  }
}

void read_columns(const WeightView& w, const PanelKernels& kernels, std::int64_t n, std::int64_t n_end, std::int64_t k,
                  float* out) {
  alignas(64) float panel[kBlockNumbers];
  const std::int64_t lanes = std::min(kPanelRows, w.in_features - k), panels_end = whole_panels(w) * kPanelRows;
  for (std::int64_t row = n; row < n_end;) {
    float* place = out + (row - n) * kPanelRows;
    if (row < panels_end) {
      const float* steps = read_panel(w, kernels, row / kPanelRows, k, k + lanes, panel);
      if (lanes < kPanelRows) {  // the transposition reads a whole block
        if (steps != panel) std::copy(steps, steps + lanes * kPanelRows, panel);
        std::fill(panel + lanes * kPanelRows, panel + kBlockNumbers, 0.0f);
        steps = panel;
      }
      kernels.transpose(steps, kPanelRows, place);
      row += kPanelRows;
    } else {
      read_row(w, row, k, k + lanes, place);
      std::fill(place + lanes, place + kPanelRows, 0.0f);
      ++row;
    }
  }
}

}  // namespace holdfast::quant
