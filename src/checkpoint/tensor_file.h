// Named tensors of a file, whatever its format.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::checkpoint {

class TensorFile {
 public:
  virtual ~TensorFile() = default;

  virtual std::vector<std::string> names() const = 0;
  virtual bool contains(const std::string& name) const = 0;
  virtual std::vector<std::int64_t> shape(const std::string& name) const = 0;
  // Of what tensor() gives.
  virtual at::ScalarType dtype(const std::string& name) const = 0;
  // Read-only: a view of the file where it can be one.
  virtual at::Tensor tensor(const std::string& name) const = 0;
  // Lets the memory of a tensor go that has been read; it can be read again.
  virtual void release(const std::string& name) const = 0;
  // How the file holds it, "F32" or "Q4_K", and in how many bytes.
  virtual std::string stored_type(const std::string& name) const = 0;
  virtual std::int64_t stored_bytes(const std::string& name) const = 0;
};

}  // namespace holdfast::checkpoint
