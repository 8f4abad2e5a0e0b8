// safetensors: named tensors in one file, read through a map, or several files with an index.
//
// File      u64 header length n (little-endian) | n bytes of JSON | data
// Header    {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, "__metadata__": {"k": "v"}}
//           offsets count from the end of the header; tensors lie end to end without gaps or overlaps.
// Everything in a header is checked before a byte of data is believed.  docs/formats/checkpoint.md has the errors.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "checkpoint/tensor_file.h"

namespace holdfast::checkpoint {

class SafetensorsFile final : public TensorFile {
 public:
  // Throws Error(kBadFile) for anything that is not a whole, consistent safetensors file.
  explicit SafetensorsFile(const std::filesystem::path& path);

  std::vector<std::string> names() const override;
  bool contains(const std::string& name) const override { return entries_.count(name) > 0; }
  std::vector<std::int64_t> shape(const std::string& name) const override;
  at::ScalarType dtype(const std::string& name) const override;
  // A view of the map (which lives as long as the tensor does), or a copy where the file leaves it misaligned.
  // Read-only.
  at::Tensor tensor(const std::string& name) const override;
  void release(const std::string& name, ByteRange bytes = {}) const override;
  void prefetch(const std::string& name, ByteRange bytes = {}) const override;
  std::string stored_type(const std::string& name) const override;
  std::int64_t stored_bytes(const std::string& name) const override;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  struct Entry {
    at::ScalarType dtype;
    std::vector<std::int64_t> shape;
    std::size_t begin, end;  // of the file
  };
  const Entry& entry(const std::string& name) const;
  ByteRange in_file(const std::string& name, ByteRange bytes) const;

  std::filesystem::path path_;
  std::shared_ptr<const MappedFile> map_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

// "F32", "BF16", ... as a header names them.
const char* dtype_name(at::ScalarType type);

// Writes a whole file or none.  Tensors are written in the order given, contiguous, on the CPU.
void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace holdfast::checkpoint
