// A base as it is used (quantised, arranged for products, widened where it is), kept in a file that the next start
// maps.
//
// Invariant: a decoder from its cache gives the bits of one from the checkpoint.
// A cache is named after all that its content depends on: the checkpoint's files (name, size, times, first bytes),
// config.json, the adapter that is part of it, precision, the order of products' weights, and the program's commit.  So
// one that is out of date is never looked at; a new one takes the place of those that the same checkpoint had.
// docs/formats/cache.md.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/tensor_cache.h"
#include "checkpoint/weights.h"
#include "model/decoder_parts.h"

namespace holdfast::model {

// The file of this base in `room`.  `settings`: precision and type of arithmetic, in words; the same base in others has
// a cache of its own, and so has one with an adapter that is part of it.
std::filesystem::path cache_path(const std::filesystem::path& room, const std::filesystem::path& checkpoint,
                                 const checkpoint::Weights& weights, const std::string& settings,
                                 const std::filesystem::path& adapter = {});

// Fills each part with views of the file.
class CacheReader final : public PartVisitor {
 public:
  // Throws Error(kBadFile) when the file is not whole; so do the others when it does not fit the decoder.
  explicit CacheReader(const std::filesystem::path& path) : cache_(path) {}
  void matrix(const std::string& name, quant::Matrix& matrix) override;
  void tensor(const std::string& name, at::Tensor& tensor) override;
  // REQUIRES: every part has been visited.
  void finish() const;

 private:
  at::Tensor take(const std::string& name);
  checkpoint::TensorCache cache_;
  std::size_t taken_ = 0;
};

// Gathers the parts, which must stay, and writes them.
class CacheWriter final : public PartVisitor {
 public:
  void matrix(const std::string& name, quant::Matrix& matrix) override;
  void tensor(const std::string& name, at::Tensor& tensor) override;
  // Makes the directory; removes older caches of the same base.  False where another process writes the file.
  // Throws Error(kMachine).
  bool write(const std::filesystem::path& path) const;
  // Of all bytes: what the same numbers look like in another order differs.
  std::string sha256() const;

 private:
  void add(const std::string& name, const at::Tensor& tensor);
  std::vector<std::pair<std::string, at::Tensor>> tensors_;
  nlohmann::json matrices_ = nlohmann::json::object();
};

}  // namespace holdfast::model
