#include "quant/panels.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "quant/nf4_kernels.h"
#include "quant/panel_kernels.h"

namespace holdfast::quant {
namespace {

constexpr std::int64_t kSteps = 256;  // of k (or n) that make a chain, and are widened at a time: 32 KB
constexpr std::int64_t kBlockNumbers = kPanelRows * kPanelRows;

std::int64_t whole_panels(const WeightView& w) { return w.in_panels ? w.out_features / kPanelRows : 0; }

float widen(std::uint16_t number) { return std::bit_cast<float>(static_cast<std::uint32_t>(number) << 16); }

float scale_of(const WeightView& w, std::int64_t block) {
  if (w.scales != nullptr) return w.scales[block];
  return w.map[w.scale_codes[block]] * w.nested_scales[block / kNestedBlockSize] + w.offset;
}

// The scales of a panel's 32 rows in the blocks that hold number k.
void panel_scales(const WeightView& w, std::int64_t panel, std::int64_t k, float* scales) {
  const std::int64_t blocks = w.in_features / w.block_size;
  for (std::int64_t row = 0; row < kPanelRows; ++row)
    scales[row] = scale_of(w, (panel * kPanelRows + row) * blocks + k / w.block_size);
}

// Numbers k_begin .. k_end of a row that is stored as a row.
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

// Steps k_begin .. k_end of a whole panel as float [steps, 32], in `buffer` unless they stand so in memory.
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

// The same of rows that are stored as rows; rows beyond the matrix are zeros.
void read_rows_as_panel(const WeightView& w, const PanelKernels& kernels, std::int64_t row_begin, std::int64_t k_begin,
                        std::int64_t k_end, float* buffer) {
  alignas(64) float rows[kBlockNumbers], columns[kBlockNumbers];
  const std::int64_t num_rows = std::min(kPanelRows, w.out_features - row_begin);
  for (std::int64_t k = k_begin; k < k_end; k += kPanelRows) {
    const std::int64_t count = std::min(kPanelRows, k_end - k);
    if (count < kPanelRows || num_rows < kPanelRows) std::memset(rows, 0, sizeof rows);
    for (std::int64_t r = 0; r < num_rows; ++r) read_row(w, row_begin + r, k, k + count, rows + r * kPanelRows);
    kernels.transpose(rows, kPanelRows, columns);
    std::memcpy(buffer + (k - k_begin) * kPanelRows, columns,
                static_cast<std::size_t>(count * kPanelRows) * sizeof *rows);
  }
}

// Columns k .. k + 32 of rows n .. n_end as float [rows, 32]; columns beyond the matrix are zeros.
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

// A tile of fewer than 32 lanes, or one whose row in y may not be written whole.
void narrow_tile(const PanelKernels& kernels, Tile tile, std::int64_t lanes) {
  alignas(64) float sums[kTileRows * kPanelRows];
  float* y = tile.y;
  const std::int64_t y_row = tile.y_row;
  tile.y = sums;
  tile.y_row = kPanelRows;
  if (tile.adds) {
    std::memset(sums, 0, sizeof sums);
    for (int r = 0; r < tile.rows; ++r) std::copy(y + r * y_row, y + r * y_row + lanes, sums + r * kPanelRows);
  }
  (lanes <= 16 ? kernels.tile_16 : kernels.tile_32)(tile);
  for (int r = 0; r < tile.rows; ++r) std::copy(sums + r * kPanelRows, sums + r * kPanelRows + lanes, y + r * y_row);
}

constexpr std::int64_t kGroup = 4;  // panels that a piece of x meets while it is in the nearest cache

// Steps of neighbouring panels, each [count, 32].
struct Pieces {
  const float* w[kGroup];
  std::int64_t panels, count;
};

// y[:, 0 .. lanes) (+)= x[:, k ..) w for all rows of x.  `lanes`: of the group's columns in y.
void multiply_pieces(const PanelKernels& kernels, Rows x, const Pieces& pieces, float* y, std::int64_t y_stride,
                     std::int64_t lanes, bool adds) {
  for (std::int64_t row = 0; row < x.count; row += kTileRows) {
    const int rows = static_cast<int>(std::min<std::int64_t>(kTileRows, x.count - row));
    for (std::int64_t p = 0; p < pieces.panels; ++p) {
      const Tile tile{x.data + row * x.stride,
                      x.stride,
                      1,
                      pieces.w[p],
                      kPanelRows,
                      pieces.count,
                      y + row * y_stride + p * kPanelRows,
                      y_stride,
                      rows,
                      adds};
      const std::int64_t own = std::min(kPanelRows, lanes - p * kPanelRows);
      if (own == kPanelRows) {
        kernels.tile_32(tile);
      } else {
        narrow_tile(kernels, tile, own);
      }
    }
  }
}

// Runs body(panel, count, row_begin, row_end) for all panels, `count` <= kGroup neighbours at a time; where there are
// few, in pieces of rows too.
template <typename Body>
void for_panels(std::int64_t panels, std::int64_t rows, std::int64_t steps, const Body& body) {
  const std::int64_t wanted = 8 * at::get_num_threads();
  std::int64_t pieces = 1;
  if (panels < wanted) pieces = std::clamp<std::int64_t>(rows / 64, 1, (wanted + panels - 1) / panels);
  const std::int64_t piece_rows = ((rows + pieces - 1) / pieces + kTileRows - 1) / kTileRows * kTileRows;
  pieces = (rows + piece_rows - 1) / piece_rows;
  constexpr std::int64_t kSmallest = 1 << 18;  // multiply-adds that are worth a thread
  const std::int64_t grain = 1 + kSmallest / std::max<std::int64_t>(1, piece_rows * steps * kPanelRows);
  at::parallel_for(0, panels * pieces, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end;) {
      const std::int64_t panel = task % panels, row = task / panels * piece_rows,
                         count = std::min({kGroup, end - task, panels - panel});
      body(panel, count, row, std::min(rows, row + piece_rows));
      task += count;
    }
  });
}

template <typename Number>
void permute(const Number* from, std::int64_t out_features, std::int64_t in_features, Number* to) {
  at::parallel_for(0, (out_features + kPanelRows - 1) / kPanelRows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const std::int64_t first = panel * kPanelRows * in_features, rows = out_features - panel * kPanelRows;
      if (rows < kPanelRows) {
        std::copy(from + first, from + first + rows * in_features, to + first);
        continue;
      }
      for (std::int64_t k = 0; k < in_features; ++k) {
        for (std::int64_t row = 0; row < kPanelRows; ++row)
          to[first + k * kPanelRows + row] = from[first + row * in_features + k];
      }
    }
  });
}

}  // namespace

const PanelKernels& panel_kernels() {
  switch (selected_isa()) {
    case Isa::kAvx512:
      return kAvx512Panels;
    case Isa::kAvx2:
      return kAvx2Panels;
    case Isa::kReference:
      break;
  }
  return kReferencePanels;
}

WeightView view_of(const at::Tensor& weight, bool in_panels) {
  HOLDFAST_ASSERT(weight.dim() == 2 && weight.is_contiguous());
  const at::ScalarType type = weight.scalar_type();
  HOLDFAST_ASSERT(type == at::kFloat || type == at::kBFloat16 || type == at::kHalf);
  const auto kind = type == at::kFloat      ? WeightView::Kind::kFloat
                    : type == at::kBFloat16 ? WeightView::Kind::kBf16
                                            : WeightView::Kind::kHalf;
  return {kind, in_panels, weight.size(0), weight.size(1), weight.const_data_ptr()};
}

WeightView view_of(const Nf4Weight& weight) {
  WeightView view{WeightView::Kind::kNf4, weight.in_panels, weight.out_features, weight.in_features,
                  weight.codes.const_data_ptr()};
  view.levels = weight.levels->data();
  view.block_size = weight.block_size;
  if (weight.plain_absmax.defined()) {
    view.scales = weight.plain_absmax.const_data_ptr<float>();
  } else {
    view.nested_scales = weight.nested_absmax.const_data_ptr<float>();
    view.map = dynamic_map().data();
    view.scale_codes = weight.absmax_codes.const_data_ptr<std::uint8_t>();
    view.offset = weight.nested_offset;
  }
  return view;
}

at::Tensor in_panels(const at::Tensor& weight) {
  const WeightView view = view_of(weight);
  at::Tensor copy = at::empty_like(weight);
  if (view.kind == WeightView::Kind::kFloat) {
    permute(static_cast<const float*>(view.data), view.out_features, view.in_features, copy.data_ptr<float>());
  } else {
    permute(static_cast<const std::uint16_t*>(view.data), view.out_features, view.in_features,
            static_cast<std::uint16_t*>(copy.data_ptr()));
  }
  return copy;
}

void codes_in_panels(const std::uint8_t* codes, std::int64_t rows, std::int64_t in_features, std::uint8_t* to) {
  const std::int64_t row_bytes = in_features / 2, panel_bytes = kPanelRows * row_bytes;
  for (; rows >= kPanelRows; rows -= kPanelRows, codes += panel_bytes) {
    for (std::int64_t pair = 0; pair < row_bytes; ++pair, to += kPanelRows) {
      for (std::int64_t b = 0; b < 16; ++b) {  // the even k of a pair is in the high nibble of a row's byte
        const std::uint8_t low = codes[b * row_bytes + pair], high = codes[(b + 16) * row_bytes + pair];
        to[b] = static_cast<std::uint8_t>(low >> 4 | (high & 0xF0));
        to[16 + b] = static_cast<std::uint8_t>((low & 15) | high << 4);
      }
    }
  }
  std::copy(codes, codes + rows * row_bytes, to);
}

void put_in_panels(Nf4Weight& weight) {
  if (weight.in_panels || !weight.fits_panels()) return;
  const at::Tensor copy = at::empty_like(weight.codes);
  const auto* from = weight.codes.const_data_ptr<std::uint8_t>();
  auto* to = copy.data_ptr<std::uint8_t>();
  const std::int64_t panel_bytes = kPanelRows * weight.in_features / 2;
  at::parallel_for(0, (weight.out_features + kPanelRows - 1) / kPanelRows, 1,
                   [&](std::int64_t begin, std::int64_t end) {
                     const std::int64_t rows = std::min(end * kPanelRows, weight.out_features) - begin * kPanelRows;
                     codes_in_panels(from + begin * panel_bytes, rows, weight.in_features, to + begin * panel_bytes);
                   });
  weight.codes = copy;
  weight.in_panels = true;
}

void unpack_rows(const WeightView& w, std::int64_t row_begin, std::int64_t row_end, float* out) {
  const PanelKernels& kernels = panel_kernels();
  const std::int64_t in = w.in_features, panels_end = whole_panels(w) * kPanelRows;
  const std::int64_t first = row_begin / kPanelRows, last = (row_end + kPanelRows - 1) / kPanelRows;
  at::parallel_for(first, last, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> buffer(kSteps * kPanelRows);
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const std::int64_t from = std::max(row_begin, panel * kPanelRows),
                         to = std::min(row_end, (panel + 1) * kPanelRows);
      if (from >= panels_end) {
        for (std::int64_t row = from; row < to; ++row) read_row(w, row, 0, in, out + (row - row_begin) * in);
        continue;
      }
      for (std::int64_t k = 0; k < in; k += kSteps) {
        const std::int64_t k_end = std::min(in, k + kSteps);
        const float* steps = read_panel(w, kernels, panel, k, k_end, buffer.data());
        for (std::int64_t row = from; row < to; ++row) {
          float* place = out + (row - row_begin) * in;
          for (std::int64_t i = k; i < k_end; ++i) place[i] = steps[(i - k) * kPanelRows + row % kPanelRows];
        }
      }
    }
  });
}

void multiply(const WeightView& w, Rows x, float* y, std::int64_t y_stride, bool adds) {
  if (x.count == 0) return;
  const PanelKernels& kernels = panel_kernels();
  const std::int64_t panels = (w.out_features + kPanelRows - 1) / kPanelRows;
  for_panels(panels, x.count, w.in_features,
             [&](std::int64_t panel, std::int64_t count, std::int64_t row_begin, std::int64_t row_end) {
               const std::int64_t first = panel * kPanelRows,
                                  lanes = std::min(count * kPanelRows, w.out_features - first);
               alignas(64) float buffers[kGroup][kSteps * kPanelRows];
               for (std::int64_t k = 0; k < w.in_features; k += kSteps) {
                 const std::int64_t k_end = std::min(w.in_features, k + kSteps);
                 Pieces pieces{{}, count, k_end - k};
                 for (std::int64_t p = 0; p < count; ++p) {
                   pieces.w[p] = buffers[p];
                   if (panel + p < whole_panels(w)) {
                     pieces.w[p] = read_panel(w, kernels, panel + p, k, k_end, buffers[p]);
                   } else {
                     read_rows_as_panel(w, kernels, first + p * kPanelRows, k, k_end, buffers[p]);
                   }
                 }
                 multiply_pieces(kernels, {x.data + row_begin * x.stride + k, row_end - row_begin, x.stride}, pieces,
                                 y + row_begin * y_stride + first, y_stride, lanes, adds || k > 0);
               }
             });
}

void multiply_back(const WeightView& w, Rows dy, float* dx, std::int64_t dx_stride, bool adds) {
  if (dy.count == 0) return;
  const PanelKernels& kernels = panel_kernels();
  const std::int64_t columns = (w.in_features + kPanelRows - 1) / kPanelRows;
  for_panels(columns, dy.count, w.out_features,
             [&](std::int64_t column, std::int64_t count, std::int64_t row_begin, std::int64_t row_end) {
               const std::int64_t k = column * kPanelRows, lanes = std::min(count * kPanelRows, w.in_features - k);
               alignas(64) float buffers[kGroup][kSteps * kPanelRows];
               for (std::int64_t n = 0; n < w.out_features; n += kSteps) {
                 const std::int64_t n_end = std::min(w.out_features, n + kSteps);
                 Pieces pieces{{}, count, n_end - n};
                 for (std::int64_t p = 0; p < count; ++p) {
                   read_columns(w, kernels, n, n_end, k + p * kPanelRows, buffers[p]);
                   pieces.w[p] = buffers[p];
                 }
                 multiply_pieces(kernels, {dy.data + row_begin * dy.stride + n, row_end - row_begin, dy.stride}, pieces,
                                 dx + row_begin * dx_stride + k, dx_stride, lanes, adds || n > 0);
               }
             });
}

void multiply_transposed(Rows a, std::int64_t n_a, Rows b, std::int64_t n_b, float* out) {
  HOLDFAST_ASSERT(a.count == b.count);
  const PanelKernels& kernels = panel_kernels();
  const std::int64_t columns = (n_b + kPanelRows - 1) / kPanelRows, grain = 1 + (1 << 18) / (a.count * n_a * 32 + 1);
  at::parallel_for(0, columns, grain, [&](std::int64_t first, std::int64_t last) {
    alignas(64) float narrow[kSteps * kPanelRows];
    for (std::int64_t column = first * kPanelRows; column < std::min(n_b, last * kPanelRows); column += kPanelRows) {
      const std::int64_t lanes = std::min(kPanelRows, n_b - column);
      for (std::int64_t t = 0; t < a.count; t += kSteps) {
        const std::int64_t count = std::min(kSteps, a.count - t);
        const float* w = b.data + t * b.stride + column;
        std::int64_t w_step = b.stride;
        if (lanes < kPanelRows) {  // a tile reads all 32 numbers of a row
          std::fill(narrow, narrow + count * kPanelRows, 0.0f);
          for (std::int64_t i = 0; i < count; ++i)
            std::copy(w + i * w_step, w + i * w_step + lanes, narrow + i * kPanelRows);
          w = narrow;
          w_step = kPanelRows;
        }
        for (std::int64_t i = 0; i < n_a; i += kTileRows) {
          const Tile tile{a.data + t * a.stride + i,
                          1,
                          a.stride,
                          w,
                          w_step,
                          count,
                          out + i * n_b + column,
                          n_b,
                          static_cast<int>(std::min<std::int64_t>(kTileRows, n_a - i)),
                          /*adds=*/true};
          if (lanes == kPanelRows) {
            kernels.tile_32(tile);
          } else {
            narrow_tile(kernels, tile, lanes);
          }
        }
      }
    }
  });
}

}  // namespace holdfast::quant
