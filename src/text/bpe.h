// Byte-pair encoding: the pairs of neighbouring symbols are merged in the order of their rank until none can be.
//
// Source: Sennrich et al., arXiv:1508.07909, with the options of Hugging Face's BPE model: byte_fallback (a character
// without a piece becomes its bytes <0xNN>), fuse_unk, ignore_merges (a word that is a piece is taken whole).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/merges.h"
#include "text/piece_model.h"

namespace holdfast::text {

class Bpe final : public PieceModel {
 public:
  // `model`: the "model" object of tokenizer.json.  Throws Error(kBadFile) whose message begins with `where`.
  Bpe(const nlohmann::json& model, const std::string& where);

  void encode(std::string_view word, std::vector<std::int32_t>& ids) const override;
  void encode_without(const IdSet& excluded, std::string_view word, std::vector<std::int32_t>& ids) const override;
  std::optional<std::int32_t> id(std::string_view piece) const override;
  std::optional<std::int32_t> unknown_id() const override { return unknown_; }
  const PieceIds& vocabulary() const override { return vocabulary_; }

 private:
  void read_vocabulary(const nlohmann::json& model, const std::string& where);
  void read_merges(const nlohmann::json& merges, const std::string& where);
  std::int32_t character_id(std::string_view character) const;  // -1: no piece
  std::vector<std::int32_t> initial_symbols(std::string_view word) const;
  std::vector<std::int32_t> edge_symbols(std::string_view piece, bool at_end) const;

  PieceIds vocabulary_;
  std::vector<std::int32_t> early_characters_;  // the ids of one-character pieces below U+3000, -1: none
  std::int32_t byte_ids_[256];
  std::optional<std::int32_t> unknown_;
  bool byte_fallback_ = false, fuse_unknown_ = false, ignore_merges_ = false;
  Merges merges_;
};

}  // namespace holdfast::text
