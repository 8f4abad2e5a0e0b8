// Writes a safetensors file tensor by tensor, in any order, with no more than one of them in memory.
//
// The layout is fixed before the first byte: wide elements first, so that every tensor lies aligned.  A tensor whose
// length is not known yet (`is_open`) goes to the end; the room kept for the header covers its longest description, and
// what is left of it is filled with spaces, as the format allows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace holdfast::checkpoint {

struct PlannedTensor {
  std::string name;
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape;
  bool is_open = false;  // one dimension of bytes, of any length

  std::int64_t bytes() const;  // 0 when open
};

class SafetensorsWriter {
 public:
  // Throws Error(kMachine) when the file cannot be made.
  SafetensorsWriter(const std::filesystem::path& path, std::vector<PlannedTensor> tensors);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  // REQUIRES: planned with this dtype and shape, not written yet; open ones in the order of the plan.
  // Throws Error(kMachine) when the disk is full.
  void write(const std::string& name, const at::Tensor& tensor);
  // Header and sync.  A file without this call is no safetensors file.  REQUIRES: every tensor is written.
  void finish();

 private:
  struct Place {
    PlannedTensor plan;
    std::uint64_t begin = 0, end = 0;  // of the data
    bool is_written = false;
  };
  std::string header() const;
  void put(std::uint64_t offset, const void* data, std::size_t size);

  std::filesystem::path path_;
  int file_ = -1;
  std::vector<Place> places_;
  std::uint64_t header_bytes_ = 0, end_ = 0;
};

}  // namespace holdfast::checkpoint
