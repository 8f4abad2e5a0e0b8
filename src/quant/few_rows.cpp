// Products of a few rows with NF4 in panels: see quant/few_rows.h.  The plain loops are the specification.
#include "quant/few_rows.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "quant/panel_reading.h"

namespace holdfast::quant {
namespace {

void reference_tile(const FewTile& t) {
  for (int p = 0; p < t.panels; ++p) {
    for (std::int64_t k = 0; k < t.count; ++k) {
      const std::uint8_t* codes = t.codes[p] + 16 * k;
      for (int l = 0; l < kPanelRows; ++l) {
        const float weight = t.levels[l < 16 ? codes[l] & 15 : codes[l - 16] >> 4] * t.scales[p][l];
        for (int r = 0; r < t.rows; ++r) {
          float& sum = t.sums[(r * kFewPanels + p) * kPanelRows + l];
          sum = std::fma(t.x[r * t.x_row + k], weight, sum);
        }
      }
    }
  }
}

const FewRowKernels& few_row_kernels() {
  switch (selected_isa()) {
    case Isa::kAvx512:
      return kAvx512FewRows;
    case Isa::kAvx2:
      return kAvx2FewRows;
    case Isa::kReference:
      break;
  }
  return kReferenceFewRows;
}

// The chains of steps k_begin .. k_end of some neighbouring panels.
void sum_chains(const WeightView& w, const FewRowKernels& few, Rows x, std::int64_t panel, int panels,
                std::int64_t k_begin, std::int64_t k_end, float* sums) {
  alignas(64) float scales[kFewPanels][kPanelRows];
  FewTile tile{};
  tile.x_row = x.stride;
  tile.levels = w.levels;
  tile.sums = sums;
  tile.rows = static_cast<int>(x.count);
  tile.panels = panels;
  for (std::int64_t k = k_begin; k < k_end;) {
    const std::int64_t last = std::min(k_end, (k / w.block_size + 1) * w.block_size);
    tile.x = x.data + k;
    tile.count = last - k;
    for (int p = 0; p < panels; ++p) {
      few.scales(w, panel + p, k, scales[p]);
      tile.scales[p] = scales[p];
      tile.codes[p] = static_cast<const std::uint8_t*>(w.data) + ((panel + p) * w.in_features + k) * kPanelRows / 2;
    }
    few.tile(tile);
    k = last;
  }
}

// y[:, panel's columns] += the addend's rows times its factor.
void add_low_rank(const Addend& addend, const PanelKernels& kernels, std::int64_t panel, float* y,
                  std::int64_t y_stride) {
  alignas(64) float factor[kMostAddendRank * kPanelRows];
  read_rows_as_panel(addend.factor, kernels, panel * kPanelRows, 0, addend.rank, factor);
  kernels.tile_32({addend.s.data, addend.s.stride, 1, factor, kPanelRows, addend.rank,
                   y + addend.begin * y_stride + panel * kPanelRows, y_stride,
                   static_cast<int>(addend.end - addend.begin), /*adds=*/true});
}

}  // namespace

const FewRowKernels kReferenceFewRows = {reference_tile, panel_scales, kFewRows};

bool takes_few(const WeightView& w, Rows x) {
  return w.kind == WeightView::Kind::kNf4 && x.count > 0 && x.count <= few_row_kernels().most_rows &&
         w.out_features > 0 && whole_panels(w) * kPanelRows == w.out_features;
}

void multiply_few(const WeightView& w, Rows x, float* y, std::int64_t y_stride, bool adds,
                  std::span<const Addend> addends) {
  HOLDFAST_ASSERT(takes_few(w, x));
  for (const Addend& addend : addends)
    HOLDFAST_ASSERT(addend.rank <= kMostAddendRank && addend.begin >= 0 && addend.end <= x.count);
  const FewRowKernels& few = few_row_kernels();
  const PanelKernels& kernels = panel_kernels();
  constexpr std::int64_t kSmallest = 1 << 15;  // weights that are worth a thread
  const std::int64_t grain = 1 + kSmallest / (w.in_features * kPanelRows);
  at::parallel_for(0, whole_panels(w), grain, [&](std::int64_t begin, std::int64_t end) {
    // Groups of like size: a panel that is left alone has too few chains.
    const std::int64_t groups = (end - begin + kFewPanels - 1) / kFewPanels;
    for (std::int64_t group = 0; group < groups; ++group) {
      const std::int64_t panel = begin + (end - begin) * group / groups;
      const auto panels = static_cast<int>(begin + (end - begin) * (group + 1) / groups - panel);
      for (std::int64_t k = 0; k < w.in_features; k += kSteps) {
        alignas(64) float sums[kFewRows * kFewPanels * kPanelRows] = {};
        sum_chains(w, few, x, panel, panels, k, std::min(w.in_features, k + kSteps), sums);
        const bool is_first = k == 0 && !adds;
        for (std::int64_t r = 0; r < x.count; ++r) {
          const float* from = sums + r * kFewPanels * kPanelRows;
          float* to = y + r * y_stride + panel * kPanelRows;
          for (std::int64_t i = 0; i < panels * kPanelRows; ++i) to[i] = is_first ? from[i] : to[i] + from[i];
        }
      }
      for (const Addend& addend : addends) {
        if (addend.begin == addend.end) continue;
        for (int p = 0; p < panels; ++p) add_low_rank(addend, kernels, panel + p, y, y_stride);
      }
    }
  });
}

}  // namespace holdfast::quant
