// The weights of a checkpoint: model.safetensors, the shards of model.safetensors.index.json, or a GGUF file.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/tensor_file.h"

namespace holdfast::checkpoint {

class Weights {
 public:
  // `model`: a checkpoint directory or a GGUF file.  Tensors of the latter have Hugging Face's names and layout.
  // Throws Error(kBadFile): no weights, only .bin files, a shard missing, a tensor not where the index says.
  explicit Weights(const std::filesystem::path& model);

  const std::vector<std::string>& names() const { return names_; }
  bool contains(const std::string& name) const { return places_.count(name) > 0; }
  at::Tensor tensor(const std::string& name) const { return file_of(name).tensor(name); }
  void release(const std::string& name, ByteRange bytes = {}) const { file_of(name).release(name, bytes); }
  void prefetch(const std::string& name, ByteRange bytes = {}) const { file_of(name).prefetch(name, bytes); }
  std::vector<std::int64_t> shape(const std::string& name) const { return file_of(name).shape(name); }
  at::ScalarType dtype(const std::string& name) const { return file_of(name).dtype(name); }
  std::string stored_type(const std::string& name) const { return file_of(name).stored_type(name); }
  std::int64_t stored_bytes(const std::string& name) const { return file_of(name).stored_bytes(name); }
  const std::vector<std::filesystem::path>& files() const { return paths_; }

 private:
  const TensorFile& file_of(const std::string& name) const { return *files_[places_.at(name)]; }
  void open_shards(const std::filesystem::path& index);

  std::vector<std::filesystem::path> paths_;
  std::vector<std::unique_ptr<const TensorFile>> files_;
  std::map<std::string, std::size_t> places_;  // tensor -> index in files_
  std::vector<std::string> names_;
};

}  // namespace holdfast::checkpoint
