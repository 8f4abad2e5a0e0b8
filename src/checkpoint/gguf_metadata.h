// Reads the keys of a GGUF file's architecture; every complaint names the file, the key, what was found and expected.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/gguf.h"

namespace holdfast::checkpoint {

class GgufMetadata {
 public:
  // `file` must outlive it.  Throws Error(kBadFile) where general.architecture is no text.
  explicit GgufMetadata(const GgufFile& file);

  const GgufFile& file() const { return file_; }
  const std::string& where() const { return where_; }
  const std::string& architecture() const { return architecture_; }

  // Keys are named without the architecture: "attention.head_count".
  bool has(const char* key) const { return file_.metadata().contains(full(key)); }
  const nlohmann::json& value(const char* key) const { return file_.metadata()[full(key)]; }
  // A positive whole number; of a list, what all its entries are.
  std::int64_t whole(const char* key) const;
  std::int64_t whole_or(const char* key, std::int64_t otherwise) const { return has(key) ? whole(key) : otherwise; }
  // A float of four bytes is taken for the shortest decimal that rounds to it: 1e-05, not 9.99999974737875e-06.
  double number(const char* key) const;
  double number_or(const char* key, double otherwise) const { return has(key) ? number(key) : otherwise; }
  bool boolean_or(const char* key, bool otherwise) const;
  // A feature that changes the mathematics and is not supported: must be absent or zero.
  void refuse(const char* key) const;

  // Of the tokenizer: "bos_token_id".
  bool has_token(const char* key) const { return file_.metadata().contains(std::string("tokenizer.ggml.") + key); }
  std::int64_t token(const char* key) const;

 private:
  std::string full(const char* key) const { return architecture_ + "." + key; }

  const GgufFile& file_;
  std::string where_, architecture_;
};

}  // namespace holdfast::checkpoint
