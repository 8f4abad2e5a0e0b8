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

namespace holdfast::checkpoint {

// Some of a tensor's bytes, counted from its first; what lies beyond its last is left out.
struct ByteRange {
  std::size_t begin = 0, end = std::numeric_limits<std::size_t>::max();
};

class SafetensorsFile {
 public:
  // Throws Error(kBadFile) for anything that is not a whole, consistent safetensors file.
  explicit SafetensorsFile(const std::filesystem::path& path);

  std::vector<std::string> names() const;
  bool contains(const std::string& name) const { return entries_.count(name) > 0; }
  std::vector<std::int64_t> shape(const std::string& name) const;
  at::ScalarType dtype(const std::string& name) const;
  // A view of the map (which lives as long as the tensor does), or a copy where the file leaves it misaligned.
  // Read-only.
  at::Tensor tensor(const std::string& name) const;
  // Lets the memory of a tensor's bytes go that have been read; they can be read again.
  void release(const std::string& name, ByteRange bytes = {}) const;
  // Asks the system to read a tensor's bytes in the background.
  void prefetch(const std::string& name, ByteRange bytes = {}) const;
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

// The weights of a checkpoint directory: model.safetensors, or the shards of model.safetensors.index.json.
class Weights {
 public:
  // Throws Error(kBadFile): no weights, only .bin files, a shard missing, a tensor not where the index says.
  explicit Weights(const std::filesystem::path& directory);

  const std::vector<std::string>& names() const { return names_; }
  bool contains(const std::string& name) const { return places_.count(name) > 0; }
  at::Tensor tensor(const std::string& name) const;
  void release(const std::string& name, ByteRange bytes = {}) const { files_[places_.at(name)].release(name, bytes); }
  void prefetch(const std::string& name, ByteRange bytes = {}) const { files_[places_.at(name)].prefetch(name, bytes); }
  std::vector<std::int64_t> shape(const std::string& name) const;
  at::ScalarType dtype(const std::string& name) const;
  const std::vector<std::filesystem::path>& files() const { return paths_; }

 private:
  std::vector<std::filesystem::path> paths_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, std::size_t> places_;  // tensor -> index in files_
  std::vector<std::string> names_;
};

// "F32", "BF16", ... as a header names them.
const char* dtype_name(at::ScalarType type);

// Writes a whole file or none.  Tensors are written in the order given, contiguous, on the CPU.
void write_safetensors(const std::filesystem::path& path,
                       const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace holdfast::checkpoint
