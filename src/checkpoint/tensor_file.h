// Named tensors of a file, whatever its format.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace holdfast::checkpoint {

// Some of the bytes that tensor() gives, counted from the first; what lies beyond the last is left out.
struct ByteRange {
  std::size_t begin = 0, end = std::numeric_limits<std::size_t>::max();
  bool is_all() const { return begin == 0 && end == std::numeric_limits<std::size_t>::max(); }
};

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
  // Lets the memory of what has been read go; it can be read again.
  virtual void release(const std::string& name, ByteRange bytes = {}) const = 0;
  // Asks the system to read in the background what will be asked for.
  virtual void prefetch(const std::string&, ByteRange = {}) const {}
  // How the file holds it, "F32" or "Q4_K", and in how many bytes.
  virtual std::string stored_type(const std::string& name) const = 0;
  virtual std::int64_t stored_bytes(const std::string& name) const = 0;
};

}  // namespace holdfast::checkpoint
