#include "device/dense_layers.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace holdfast::device {

DenseLayers::DenseLayers(std::vector<FrozenLayer>& layers, at::Device device, at::ScalarType compute,
                         std::int64_t spare_bytes)
    : layers_(layers), kept_(layers.size()), side_(device) {
  const auto options = at::dtype(compute).device(device);
  std::int64_t largest = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    FrozenLayer& layer = layers[i];
    const std::int64_t bytes = layer.size() * static_cast<std::int64_t>(c10::elementSize(compute));
    if (layer.is_quantized() && bytes > spare_bytes) {
      largest = std::max(largest, layer.size());
      continue;
    }
    if (layer.is_quantized()) spare_bytes -= bytes;
    const at::Tensor buffer = at::empty({layer.size()}, options);
    widen(layer, buffer);
    kept_[i] = views_of(layer, buffer);
    for (JoinedMatrix& joined : layer.products) joined.stored.clear();
  }
  if (largest == 0) return;
  for (Buffer& buffer : buffers_) buffer.numbers = at::empty({largest}, options);
}

std::int64_t DenseLayers::num_kept() const {
  return std::count_if(kept_.begin(), kept_.end(), [](const DenseLayer& layer) { return layer[0].defined(); });
}

DenseLayers::Buffer* DenseLayers::find(std::int64_t index) {
  for (Buffer& buffer : buffers_) {
    if (buffer.layer == index) return &buffer;
  }
  return nullptr;
}

DenseLayers::Buffer& DenseLayers::start_widening(std::int64_t index, std::int64_t in_use) {
  Buffer& buffer = buffers_[0].layer == in_use ? buffers_[1] : buffers_[0];
  const FrozenLayer& layer = layers_[static_cast<std::size_t>(index)];
  buffer.layer = index;
  buffer.views = views_of(layer, buffer.numbers);
  buffer.ready = side_.start([&] { widen(layer, buffer.numbers); });
  return buffer;
}

const DenseLayer& DenseLayers::enter(std::int64_t index, std::int64_t next) {
  const DenseLayer* entered = &kept_[static_cast<std::size_t>(index)];
  if (!is_kept(index)) {
    Buffer* buffer = find(index);
    if (buffer == nullptr) buffer = &start_widening(index, next);
    side_.wait(buffer->ready);
    entered = &buffer->views;
  }
  if (next >= 0 && next != index && !is_kept(next) && find(next) == nullptr) start_widening(next, index);
  return *entered;
}

}  // namespace holdfast::device
