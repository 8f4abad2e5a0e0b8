// How products read a frozen matrix (quant/panels.h): pieces of it as float, in the order that tiles take.
#pragma once

#include <cstdint>

#include "quant/panel_kernels.h"
#include "quant/panels.h"

namespace holdfast::quant {

inline constexpr std::int64_t kSteps = 256;  // of k (or n) that make a chain, and are widened at a time: 32 KB
inline constexpr std::int64_t kBlockNumbers = kPanelRows * kPanelRows;

// The scales of a panel's 32 rows in the blocks that hold number k.  REQUIRES: NF4.
void panel_scales(const WeightView& w, std::int64_t panel, std::int64_t k, float* scales);
// Panels that stand so in memory.
std::int64_t whole_panels(const WeightView& w);
// Numbers k_begin .. k_end of a row that is stored as a row.
void read_row(const WeightView& w, std::int64_t row, std::int64_t k_begin, std::int64_t k_end, float* out);
// Steps k_begin .. k_end of a whole panel as float [steps, 32], in `buffer` unless they stand so in memory.
const float* read_panel(const WeightView& w, const PanelKernels& kernels, std::int64_t panel, std::int64_t k_begin,
                        std::int64_t k_end, float* buffer);
// The same of rows that are stored as rows; rows beyond the matrix are zeros.  `buffer` takes whole blocks of 32 steps.
void read_rows_as_panel(const WeightView& w, const PanelKernels& kernels, std::int64_t row_begin, std::int64_t k_begin,
                        std::int64_t k_end, float* buffer);
// Columns k .. k + 32 of rows n .. n_end as float [rows, 32]; columns beyond the matrix are zeros.
void read_columns(const WeightView& w, const PanelKernels& kernels, std::int64_t n, std::int64_t n_end, std::int64_t k,
                  float* out);

}  // namespace holdfast::quant
