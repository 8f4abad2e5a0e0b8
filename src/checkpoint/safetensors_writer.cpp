#include "checkpoint/safetensors_writer.h"

#include <c10/core/ScalarType.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "checkpoint/safetensors.h"

namespace holdfast::checkpoint {

std::int64_t PlannedTensor::bytes() const {
  if (is_open) return 0;
  std::int64_t size = static_cast<std::int64_t>(c10::elementSize(dtype));
  for (const std::int64_t extent : shape) size *= extent;
  return size;
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path, std::vector<PlannedTensor> tensors)
    : path_(path) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const PlannedTensor& a, const PlannedTensor& b) {
    if (a.is_open != b.is_open) return b.is_open;
    return c10::elementSize(a.dtype) > c10::elementSize(b.dtype);
  });
  for (PlannedTensor& tensor : tensors) {
    HOLDFAST_ASSERT(!tensor.is_open || (tensor.dtype == at::kByte && tensor.shape.empty()));
    const auto size = static_cast<std::uint64_t>(tensor.bytes());
    places_.push_back({std::move(tensor), end_, end_ + size});
    end_ += size;
  }
  constexpr std::size_t kDigits = 20;  // of the largest extent or offset, two and one of which an open tensor adds
  const auto num_open =
      std::count_if(places_.begin(), places_.end(), [](const Place& place) { return place.plan.is_open; });
  header_bytes_ = (header().size() + static_cast<std::size_t>(num_open) * 3 * kDigits + 7) / 8 * 8;
  file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  HOLDFAST_CHECK(kMachine, file_ >= 0, "[write] cannot write ", path_.string(), ": ", std::strerror(errno),
                 "; try freeing disk space or another directory");
}

SafetensorsWriter::~SafetensorsWriter() {
  if (file_ >= 0) close(file_);
}

void SafetensorsWriter::write(const std::string& name, const at::Tensor& tensor) {
  const auto found =
      std::find_if(places_.begin(), places_.end(), [&](const Place& place) { return place.plan.name == name; });
  HOLDFAST_ASSERT(found != places_.end() && !found->is_written && found->plan.dtype == tensor.scalar_type());
  if (found->plan.is_open) {
    HOLDFAST_ASSERT(tensor.dim() == 1);
    found->plan.shape = {tensor.size(0)};
    found->begin = end_;
    end_ += static_cast<std::uint64_t>(tensor.size(0));
    found->end = end_;
  }
  HOLDFAST_ASSERT(tensor.sizes() == at::IntArrayRef(found->plan.shape));
  const at::Tensor whole = tensor.contiguous();
  put(8 + header_bytes_ + found->begin, whole.const_data_ptr(), found->end - found->begin);
  found->is_written = true;
}

void SafetensorsWriter::finish() {
  for (const Place& place : places_) HOLDFAST_ASSERT(place.is_written);
  std::string text = header();
  HOLDFAST_ASSERT(text.size() <= header_bytes_);
  text.append(header_bytes_ - text.size(), ' ');
  std::string length;
  for (int i = 0; i < 8; ++i) length += static_cast<char>((header_bytes_ >> (8 * i)) & 255);
  put(0, (length + text).data(), 8 + text.size());
  HOLDFAST_CHECK(kMachine, fsync(file_) == 0, "[write] cannot write ", path_.string(), ": ", std::strerror(errno),
                 "; try freeing disk space or another directory");
}

std::string SafetensorsWriter::header() const {
  nlohmann::ordered_json json = {{"__metadata__", {{"format", "pt"}}}};
  for (const Place& place : places_) {
    json[place.plan.name] = {{"dtype", dtype_name(place.plan.dtype)},
                             {"shape", place.plan.shape},
                             {"data_offsets", {place.begin, place.end}}};
  }
  return json.dump();
}

void SafetensorsWriter::put(std::uint64_t offset, const void* data, std::size_t size) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = pwrite(file_, bytes, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    HOLDFAST_CHECK(kMachine, written > 0, "[write] cannot write ", path_.string(), ": ", std::strerror(errno),
                   "; try freeing disk space or another directory");
    bytes += written;
    offset += static_cast<std::uint64_t>(written);
    size -= static_cast<std::size_t>(written);
  }
}

}  // namespace holdfast::checkpoint
