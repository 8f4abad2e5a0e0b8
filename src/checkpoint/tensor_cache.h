// Named tensors in one file that is mapped and used where it lies: nothing is copied, converted or arranged.
//
// A cache can be made again, so a file that is not whole is no error: it counts as absent.
// Format: docs/formats/cache.md.  Invariant: a file under its final name is whole, unless the disk damaged it.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"

namespace holdfast::checkpoint {

class TensorCache {
 public:
  // Checks magic, version, size, the header's checksum, and that each tensor lies within the file.
  // Throws Error(kBadFile) that says what is wrong.
  explicit TensorCache(const std::filesystem::path& path);

  // A view of the map, which lives as long as the tensor does; undefined where there is no such tensor.  Read-only.
  at::Tensor tensor(const std::string& name) const;
  // What the writer wanted to be known beside the tensors.
  const nlohmann::json& notes() const { return notes_; }
  std::size_t size() const { return entries_.size(); }  // tensors

 private:
  struct Entry {
    at::ScalarType dtype;
    std::vector<std::int64_t> shape;
    std::size_t begin;  // of the file
  };
  void read_header(const nlohmann::json& header, std::size_t data);

  std::shared_ptr<const MappedFile> map_;
  std::map<std::string, Entry> entries_;
  nlohmann::json notes_;
};

// Writes a whole file or none: into PATH.part, synced, then renamed.  Tensors are contiguous and on the CPU.
// Returns false where another process is writing the same file.  Throws Error(kMachine) when the disk is full.
bool write_tensor_cache(const std::filesystem::path& path,
                        const std::vector<std::pair<std::string, at::Tensor>>& tensors, const nlohmann::json& notes);

}  // namespace holdfast::checkpoint
