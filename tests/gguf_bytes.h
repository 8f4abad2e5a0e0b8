// GGUF files written byte by byte, so that a test can lie in any of them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace holdfast::testing {

class GgufBytes {
 public:
  template <typename T>
  GgufBytes& number(T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    text_.append(bytes, sizeof(T));
    return *this;
  }
  GgufBytes& u32(std::uint32_t value) { return number(value); }
  GgufBytes& u64(std::uint64_t value) { return number(value); }
  GgufBytes& text(std::string_view value) {
    u64(value.size());
    text_ += value;
    return *this;
  }
  GgufBytes& header(std::uint64_t tensors, std::uint64_t pairs, std::uint32_t version = 3) {
    text_ += "GGUF";
    return u32(version).u64(tensors).u64(pairs);
  }
  GgufBytes& pair(std::string_view key, std::string_view value) { return text(key).u32(8).text(value); }
  GgufBytes& pair(std::string_view key, std::uint32_t value) { return text(key).u32(4).u32(value); }
  // One matrix [rows, columns].
  GgufBytes& tensor(std::string_view name, std::uint64_t rows, std::uint64_t columns, std::uint32_t type,
                    std::uint64_t offset) {
    return text(name).u32(2).u64(columns).u64(rows).u32(type).u64(offset);
  }
  // Up to the alignment, then so many bytes.
  std::string with_data(std::size_t size, std::size_t alignment = 32) const {
    std::string all = text_;
    all.resize((all.size() + alignment - 1) / alignment * alignment + size, '\0');
    return all;
  }
  const std::string& bytes() const { return text_; }

 private:
  std::string text_;
};

}  // namespace holdfast::testing
