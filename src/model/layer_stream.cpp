#include "model/layer_stream.h"

#include <ATen/ops/empty.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "quant/panel_kernels.h"

namespace holdfast::model {
namespace {

constexpr std::int64_t kPiece = 4 << 20;  // bytes

std::int64_t aligned(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

// What is read of a file: asked for ahead and let go behind, so that its pages do not stay in memory beside the buffer.
class Passage {
 public:
  // `weights` null: the bytes lie in the map of a cache.
  Passage(const checkpoint::Weights* weights, const std::string& name, const std::uint8_t* data, std::size_t size)
      : weights_(weights), name_(name), data_(data) {
    if (weights_ != nullptr)
      weights_->prefetch(name_);
    else
      advise(0, size, MADV_WILLNEED);
  }
  void release(std::size_t begin, std::size_t end) const {
    if (weights_ != nullptr)
      weights_->release(name_, {begin, end});
    else
      advise(begin, end, MADV_DONTNEED);
  }

 private:
  void advise(std::size_t begin, std::size_t end, int advice) const {
    const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    const auto first = reinterpret_cast<std::uintptr_t>(data_ + begin) / page * page;
    madvise(reinterpret_cast<void*>(first), reinterpret_cast<std::uintptr_t>(data_ + end) - first, advice);
  }
  const checkpoint::Weights* weights_;
  const std::string& name_;
  const std::uint8_t* data_;
};

}  // namespace

LayerStream::LayerStream(std::shared_ptr<const checkpoint::Weights> weights, std::int64_t num_layers)
    : weights_(std::move(weights)), layers_(num_layers), sizes_(num_layers, 0) {}

LayerStream::~LayerStream() {
  for (Buffer& buffer : buffers_)
    if (buffer.reading.valid()) buffer.reading.wait();
}

void LayerStream::add(std::int64_t layer, const std::string& name, quant::Nf4Weight mapped, quant::Matrix& matrix) {
  HOLDFAST_ASSERT(current_ < 0);
  Part part{name, std::move(mapped), &matrix, sizes_[layer]};
  sizes_[layer] += aligned(part.mapped.codes.numel()) + aligned(part.mapped.absmax_codes.numel());
  layers_[layer].push_back(std::move(part));
  empty(layer);
}

void LayerStream::enter(std::int64_t layer, Travel travel) {
  if (layer != current_) {
    auto* buffer = std::find_if(std::begin(buffers_), std::end(buffers_), [&](auto& b) { return b.layer == layer; });
    if (buffer == std::end(buffers_)) {
      buffer = current_ >= 0 && buffers_[0].layer == current_ ? &buffers_[1] : &buffers_[0];
      start_reading(layer, *buffer);
    }
    if (buffer->reading.valid()) buffer->reading.get();
    if (current_ >= 0) empty(current_);
    fill(layer, buffer->bytes);
    current_ = layer;
  }
  const auto last = static_cast<std::int64_t>(layers_.size()) - 1;
  std::int64_t next = travel == Travel::kDown ? layer - 1 : layer + 1;
  if (next > last) next = travel == Travel::kUpAndBack ? last - 1 : 0;
  if (next < 0) next = std::min<std::int64_t>(1, last);
  if (next < 0 || next == layer) return;
  Buffer& other = buffers_[0].layer == layer ? buffers_[1] : buffers_[0];
  if (other.layer != next) start_reading(next, other);
}

void LayerStream::start_reading(std::int64_t layer, Buffer& buffer) {
  if (buffer.reading.valid()) buffer.reading.get();
  if (!buffer.bytes.defined()) buffer.bytes = at::empty({*std::max_element(sizes_.begin(), sizes_.end())}, at::kByte);
  buffer.layer = layer;
  buffer.reading = std::async(std::launch::async, [this, layer, bytes = buffer.bytes] { read(layer, bytes); });
}

void LayerStream::read(std::int64_t layer, const at::Tensor& bytes) const {
  auto* base = static_cast<std::uint8_t*>(bytes.data_ptr());
  for (const Part& part : layers_[layer]) {
    if (comes_in_panels(part) && !part.mapped.in_panels) {
      copy_in_panels(part, base + part.offset);
    } else {
      copy(part.name, part.mapped.codes, base + part.offset);
    }
    if (part.mapped.absmax_codes.defined())
      copy(part.name + ".absmax", part.mapped.absmax_codes, base + part.offset + aligned(part.mapped.codes.numel()));
  }
}

void LayerStream::copy(const std::string& name, const at::Tensor& from, std::uint8_t* to) const {
  const auto size = static_cast<std::size_t>(from.numel());
  const auto* source = static_cast<const std::uint8_t*>(from.const_data_ptr());
  const Passage passage(weights_.get(), name, source, size);
  for (std::size_t begin = 0; begin < size; begin += kPiece) {
    const std::size_t end = std::min<std::size_t>(size, begin + kPiece);
    std::memcpy(to + begin, source + begin, end - begin);
    passage.release(begin, end);
  }
}

// The same, in the order that products read fastest.
void LayerStream::copy_in_panels(const Part& part, std::uint8_t* to) const {
  const std::int64_t out = part.mapped.out_features, row = part.mapped.in_features / 2;
  const std::int64_t piece = std::max<std::int64_t>(1, kPiece / (quant::kPanelRows * row)) * quant::kPanelRows;
  const auto* source = part.mapped.codes.const_data_ptr<std::uint8_t>();
  const Passage passage(weights_.get(), part.name, source, static_cast<std::size_t>(out * row));
  for (std::int64_t begin = 0; begin < out; begin += piece) {
    const std::int64_t end = std::min(out, begin + piece);
    quant::codes_in_panels(source + begin * row, end - begin, part.mapped.in_features, to + begin * row);
    passage.release(static_cast<std::size_t>(begin * row), static_cast<std::size_t>(end * row));
  }
}

void LayerStream::fill(std::int64_t layer, const at::Tensor& bytes) {
  for (const Part& part : layers_[layer]) {
    quant::Nf4Weight weight = part.mapped;
    const std::int64_t codes = part.mapped.codes.numel(), scales = part.mapped.absmax_codes.numel();
    weight.codes = bytes.narrow(0, part.offset, codes);
    weight.in_panels = comes_in_panels(part);
    if (scales > 0) weight.absmax_codes = bytes.narrow(0, part.offset + aligned(codes), scales);
    *part.matrix = quant::Matrix(std::move(weight));
  }
}

void LayerStream::empty(std::int64_t layer) {
  for (const Part& part : layers_[layer]) {
    quant::Nf4Weight weight = part.mapped;
    weight.codes.reset();
    weight.absmax_codes.reset();
    *part.matrix = quant::Matrix(std::move(weight));
  }
}

std::int64_t LayerStream::buffer_bytes() const { return 2 * *std::max_element(sizes_.begin(), sizes_.end()); }

}  // namespace holdfast::model
