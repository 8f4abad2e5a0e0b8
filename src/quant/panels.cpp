#include "quant/panels.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "quant/panel_reading.h"

namespace holdfast::quant {
namespace {

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

}  // namespace holdfast::quant
