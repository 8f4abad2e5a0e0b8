// What happens to a layer's activations between the forward and the backward pass.  The gradient is the same to the
// bit.
//
//   keep       they stay in memory
//   recompute  only the layer's input stays; the backward pass runs the layer forward again: half as much arithmetic
//   again offload    they wait in a file, whose pages the system writes to disk when memory is short
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "checkpoint/model_config.h"

namespace holdfast::model {

enum class Keeping { kKeep, kRecompute, kOffload };
const char* keeping_name(Keeping keeping);

// One entry a layer: as many layers keep their activations of `tokens` tokens as `budget_bytes` holds, the others do
// what `otherwise` says.  The first layers are the first to give theirs up: theirs wait longest.
std::vector<Keeping> plan_keeping(const checkpoint::ModelConfig& config, std::int64_t tokens, std::int64_t budget_bytes,
                                  Keeping otherwise);

// Tensors in an unnamed file, which is gone with the object.
class ActivationFile {
 public:
  // Throws Error(kMachine) where no file can be made in the directory.
  explicit ActivationFile(const std::filesystem::path& directory);
  ~ActivationFile();
  ActivationFile(const ActivationFile&) = delete;
  ActivationFile& operator=(const ActivationFile&) = delete;

  struct Stored {
    std::vector<std::int64_t> sizes;
    at::ScalarType type;
    std::int64_t offset;
  };
  // Throws Error(kMachine) where the file cannot grow.  REQUIRES: contiguous.
  Stored put(const at::Tensor& tensor);
  at::Tensor get(const Stored& stored) const;
  void clear() { end_ = 0; }  // what has been put may be overwritten

 private:
  std::filesystem::path directory_;
  int file_ = -1;
  std::int64_t end_ = 0;
};

}  // namespace holdfast::model
