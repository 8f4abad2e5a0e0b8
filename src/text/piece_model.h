// What the "model" of tokenizer.json does: turns one word into the ids of pieces.  Kinds: BPE (bpe.h), Unigram
// (unigram.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace holdfast::text {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
using PieceIds = std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>>;
using IdSet = std::unordered_set<std::int32_t>;

class PieceModel {
 public:
  virtual ~PieceModel() = default;

  // Appends the ids of one word.  Thread-safe.
  virtual void encode(std::string_view word, std::vector<std::int32_t>& ids) const = 0;
  // The same without the pieces in `excluded`, whose texts fall apart into others.
  virtual void encode_without(const IdSet& excluded, std::string_view word, std::vector<std::int32_t>& ids) const = 0;
  virtual std::optional<std::int32_t> id(std::string_view piece) const = 0;
  virtual std::optional<std::int32_t> unknown_id() const = 0;
  virtual const PieceIds& vocabulary() const = 0;
};

struct BpeText;

// `model`: the "model" object of tokenizer.json; `read`: its vocabulary and merges where they were read apart (of BPE
// alone).  Throws Error(kBadFile) whose message begins with `where`, also for a
// kind that is not in the list.
std::unique_ptr<const PieceModel> make_piece_model(const nlohmann::json& model, const BpeText* read,
                                                   const std::string& where);

}  // namespace holdfast::text
