// Products with panels: see quant/panels.h.  Columns of y are taken 32 at a time, up to four neighbours together, and
// all of x meets them before the next.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "base/error.h"
#include "quant/few_rows.h"
#include "quant/panel_reading.h"

namespace holdfast::quant {
namespace {

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

// y[:, 0 .. lanes) (+)= x w for all rows of x.  `lanes`: of the group's columns in y.
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

constexpr std::int64_t kRowBlock = 32;  // rows of y that stay in the nearest cache until an addend has been added

// The addends' factors for one group of panels.
class Factors {
 public:
  // read(factor, p, buffer) writes piece p of a factor: whole blocks of 32 steps at most.
  template <typename Read>
  Factors(std::span<const Addend> addends, std::int64_t panels, const Read& read) {
    if (addends.empty()) return;
    std::int64_t most = 0;
    for (const Addend& addend : addends) most = std::max(most, addend.rank);
    piece_ = (most + kPanelRows - 1) / kPanelRows * kBlockNumbers;
    const auto size = static_cast<std::size_t>(piece_ * kGroup) * addends.size() * sizeof(float);
    numbers_.reset(static_cast<float*>(::operator new(size, kAlignment)));
    for (std::size_t a = 0; a < addends.size(); ++a)
      for (std::int64_t p = 0; p < panels; ++p) read(addends[a].factor, p, place(a, p));
  }
  const float* piece(std::size_t addend, std::int64_t p) const { return place(addend, p); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(float* numbers) const { ::operator delete(numbers, kAlignment); }
  };
  float* place(std::size_t addend, std::int64_t p) const {
    return numbers_.get() + (static_cast<std::int64_t>(addend) * kGroup + p) * piece_;
  }
  std::int64_t piece_ = 0;  // numbers
  std::unique_ptr<float, Free> numbers_;
};

// The last steps of a product, and the addends: rows row_begin .. row_end of x, y and the addends' places.
void finish_pieces(const PanelKernels& kernels, Rows x, std::int64_t row_begin, std::int64_t row_end,
                   const Pieces& pieces, std::span<const Addend> addends, const Factors& factors, float* y,
                   std::int64_t y_stride, std::int64_t lanes, bool adds) {
  for (std::int64_t row = row_begin; row < row_end; row += kRowBlock) {
    const std::int64_t stop = std::min(row_end, row + kRowBlock);
    multiply_pieces(kernels, {x.data + row * x.stride, stop - row, x.stride}, pieces, y + row * y_stride, y_stride,
                    lanes, adds);
    for (std::size_t a = 0; a < addends.size(); ++a) {
      const Addend& addend = addends[a];
      const std::int64_t from = std::max(row, addend.begin), to = std::min(stop, addend.end);
      if (from >= to) continue;
      Pieces own{{}, pieces.panels, addend.rank};
      for (std::int64_t p = 0; p < own.panels; ++p) own.w[p] = factors.piece(a, p);
      multiply_pieces(kernels, {addend.s.data + (from - addend.begin) * addend.s.stride, to - from, addend.s.stride},
                      own, y + from * y_stride, y_stride, lanes, true);
    }
  }
}

// y (+)= x times a matrix of `columns` columns and `steps` rows, plus the addends.  read_piece(column, k, k_end,
// buffer) gives steps k .. k_end of columns 32 * column .. as [steps, 32]; read_factor(factor, column, buffer) all of a
// factor's.
template <typename ReadPiece, typename ReadFactor>
void product(std::int64_t columns, std::int64_t steps, Rows x, float* y, std::int64_t y_stride, bool adds,
             std::span<const Addend> addends, const ReadPiece& read_piece, const ReadFactor& read_factor) {
  if (x.count == 0) return;
  for (const Addend& addend : addends)
    HOLDFAST_ASSERT(addend.rank <= kMostAddendRank && addend.begin >= 0 && addend.end <= x.count);
  const PanelKernels& kernels = panel_kernels();
  const auto body = [&](std::int64_t panel, std::int64_t count, std::int64_t row_begin, std::int64_t row_end) {
    const std::int64_t first = panel * kPanelRows, lanes = std::min(count * kPanelRows, columns - first);
    const Factors factors(addends, count, [&](const WeightView& factor, std::int64_t p, float* buffer) {
      read_factor(kernels, factor, panel + p, buffer);
    });
    alignas(64) float buffers[kGroup][kSteps * kPanelRows];
    for (std::int64_t k = 0; k < steps; k += kSteps) {
      const std::int64_t k_end = std::min(steps, k + kSteps);
      Pieces pieces{{}, count, k_end - k};
      for (std::int64_t p = 0; p < count; ++p) pieces.w[p] = read_piece(kernels, panel + p, k, k_end, buffers[p]);
      const Rows own{x.data + k, x.count, x.stride};
      if (k_end == steps && !addends.empty()) {
        finish_pieces(kernels, own, row_begin, row_end, pieces, addends, factors, y + first, y_stride, lanes,
                      adds || k > 0);
      } else {
        multiply_pieces(kernels, {own.data + row_begin * x.stride, row_end - row_begin, x.stride}, pieces,
                        y + row_begin * y_stride + first, y_stride, lanes, adds || k > 0);
      }
    }
  };
  for_panels((columns + kPanelRows - 1) / kPanelRows, x.count, steps, body);
}

// 32 rows of the matrix, whichever way they stand.
const float* read_panel_rows(const WeightView& w, const PanelKernels& kernels, std::int64_t panel, std::int64_t k,
                             std::int64_t k_end, float* buffer) {
  if (panel < whole_panels(w)) return read_panel(w, kernels, panel, k, k_end, buffer);
  read_rows_as_panel(w, kernels, panel * kPanelRows, k, k_end, buffer);
  return buffer;
}

}  // namespace

void multiply(const WeightView& w, Rows x, float* y, std::int64_t y_stride, bool adds,
              std::span<const Addend> addends) {
  if (takes_few(w, x)) return multiply_few(w, x, y, y_stride, adds, addends);
  product(
      w.out_features, w.in_features, x, y, y_stride, adds, addends,
      [&](const PanelKernels& kernels, std::int64_t panel, std::int64_t k, std::int64_t k_end, float* buffer) {
        return read_panel_rows(w, kernels, panel, k, k_end, buffer);
      },
      [](const PanelKernels& kernels, const WeightView& factor, std::int64_t panel, float* buffer) {
        read_rows_as_panel(factor, kernels, panel * kPanelRows, 0, factor.in_features, buffer);
      });
}

void multiply_back(const WeightView& w, Rows dy, float* dx, std::int64_t dx_stride, bool adds,
                   std::span<const Addend> addends) {
  product(
      w.in_features, w.out_features, dy, dx, dx_stride, adds, addends,
      [&](const PanelKernels& kernels, std::int64_t column, std::int64_t n, std::int64_t n_end, float* buffer) {
        read_columns(w, kernels, n, n_end, column * kPanelRows, buffer);
        return static_cast<const float*>(buffer);
      },
      [](const PanelKernels& kernels, const WeightView& factor, std::int64_t column, float* buffer) {
        read_columns(factor, kernels, 0, factor.out_features, column * kPanelRows, buffer);
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
