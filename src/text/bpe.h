// Byte-pair encoding: the pairs of neighbouring symbols are merged in the order of their rank until none can be.
//
// Source: Sennrich et al., arXiv:1508.07909, with the options of Hugging Face's BPE model: byte_fallback (a character
// without a piece becomes its bytes <0xNN>), fuse_unk, ignore_merges (a word that is a piece is taken whole).
#pragma once

#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace holdfast::text {

class Bpe {
 public:
  // `model`: the "model" object of tokenizer.json.  Throws Error(kBadFile) whose message begins with `where`.
  Bpe(const nlohmann::json& model, const std::string& where);

  // Appends the ids of one word.  Thread-safe.
  void encode(std::string_view word, std::vector<std::int32_t>& ids) const;
  std::optional<std::int32_t> id(const std::string& piece) const;
  const std::unordered_map<std::string, std::int32_t>& vocabulary() const { return vocabulary_; }

 private:
  struct Merge {
    std::int32_t rank, id;
  };
  std::vector<std::int32_t> initial_symbols(std::string_view word) const;
  void merge_all(std::vector<std::int32_t>& symbols) const;

  std::unordered_map<std::string, std::int32_t> vocabulary_;
  std::unordered_map<std::uint64_t, Merge> merges_;  // key: left id << 32 | right id
  std::int32_t byte_ids_[256];
  std::optional<std::int32_t> unknown_;
  bool byte_fallback_ = false, fuse_unknown_ = false, ignore_merges_ = false;

  static constexpr std::size_t kCacheLimit = 1 << 16, kCachedWordLimit = 64;
  mutable std::mutex cache_mutex_;
  mutable std::unordered_map<std::string, std::vector<std::int32_t>> cache_;
};

}  // namespace holdfast::text
