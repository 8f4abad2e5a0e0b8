// GGUF files, versions 2 and 3: metadata and where each tensor's bytes lie.  Nothing is widened here.
//
// Layout, little-endian
//   "GGUF", u32 version, u64 number of tensors, u64 number of metadata pairs
//   pairs    text key, u32 type, value          texts are u64 length and bytes; arrays u32 type, u64 length, values
//   tensors  text name, u32 dimensions, u64 extents (the fastest first), u32 block type, u64 offset into the data
//   data     from the next multiple of `general.alignment` (32 where it is absent); every tensor inside the file
// Source: the specification in ggml's repository, docs/gguf.md.  What is made of it: docs/formats/gguf.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace holdfast {

struct GgufTensor {
  std::uint32_t type = 0;           // ggml's number of the block format
  std::vector<std::int64_t> shape;  // the slowest first, as torch has it
  std::uint64_t offset = 0;         // into the file
};

class GgufFile {
 public:
  // Throws Error(kBadFile) naming file, place, found, expected: a wrong mark or version, a length past the file's end,
  // a name given twice, text that is no UTF-8, a tensor that begins outside of the file.
  explicit GgufFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  // Numbers, texts, booleans and lists of them, as JSON.
  const nlohmann::json& metadata() const { return metadata_; }
  const std::map<std::string, GgufTensor>& tensors() const { return tensors_; }
  // The first `size` bytes of a tensor.  Throws Error(kBadFile) when the file ends before.
  std::string_view bytes(const std::string& name, std::uint64_t size) const;
  // Lets the memory of these bytes go; they can be read again.
  void release(std::string_view bytes) const;

 private:
  std::filesystem::path path_;
  std::shared_ptr<const MappedFile> map_;
  nlohmann::json metadata_ = nlohmann::json::object();
  std::map<std::string, GgufTensor> tensors_;
};

// The GGUF file that a model's path means: itself, or the only one of a directory that holds no safetensors; else
// nothing.  Throws Error(kBadInput) where a directory without safetensors holds several.
std::optional<std::filesystem::path> find_gguf(const std::filesystem::path& model);

}  // namespace holdfast
