// The layers' matrices widened to the compute type: as many layers as fit into spare memory stay so, for the others two
// buffers take turns, the next layer being widened on a second stream while one is used.
//
// Invariant: nothing is written into a buffer before the current stream has done what it was given of the layer that
// the buffer held (device/streams.h).  Nobody waits on the processor's side.
#pragma once

#include <vector>

#include "device/frozen_base.h"
#include "device/streams.h"

namespace holdfast::device {

class DenseLayers {
 public:
  // `spare_bytes`: how much memory the layers that stay may take.  A layer of which nothing is quantised always stays,
  // and its stored matrices are let go.  `layers` must outlive this.
  DenseLayers(std::vector<FrozenLayer>& layers, at::Device device, at::ScalarType compute, std::int64_t spare_bytes);

  // The layer's matrices, for what the current stream is given from now on, until a layer other than this and `next` is
  // entered.  `next` (-1: unknown) is what will be entered next.
  const DenseLayer& enter(std::int64_t index, std::int64_t next);

  std::int64_t num_kept() const;

 private:
  struct Buffer {
    at::Tensor numbers;
    std::int64_t layer = -1;
    SideStream::Mark ready;
    DenseLayer views;
  };
  bool is_kept(std::int64_t index) const { return kept_[static_cast<std::size_t>(index)][0].defined(); }
  Buffer* find(std::int64_t index);
  Buffer& start_widening(std::int64_t index, std::int64_t in_use);

  std::vector<FrozenLayer>& layers_;
  std::vector<DenseLayer> kept_;  // undefined: widened when it is entered
  Buffer buffers_[2];
  SideStream side_;
};

}  // namespace holdfast::device
