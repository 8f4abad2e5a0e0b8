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

#include "text/bpe_text.h"
#include "text/merges.h"
#include "text/piece_model.h"

namespace holdfast::text {

class Bpe final : public PieceModel {
 public:
  // `model`: the "model" object of tokenizer.json; `read`: its vocabulary and merges where they were read apart.
  // Throws Error(kBadFile) whose message begins with `where`.
  Bpe(const nlohmann::json& model, const BpeText* read, const std::string& where);

  void encode(std::string_view word, std::vector<std::int32_t>& ids) const override;
  void encode_without(const IdSet& excluded, std::string_view word, std::vector<std::int32_t>& ids) const override;
  std::optional<std::int32_t> id(std::string_view piece) const override;
  std::optional<std::int32_t> unknown_id() const override { return unknown_; }
  const PieceIds& vocabulary() const override { return vocabulary_; }

 private:
  void reserve(std::size_t pieces, std::size_t merges);
  void add_piece(std::string_view piece, std::int64_t id, const std::string& where);
  void add_merge(std::string_view left, std::string_view right, const std::string& where);
  void read_special_pieces(const nlohmann::json& model, const std::string& where);
  std::int32_t character_id(std::string_view character) const;  // -1: no piece
  std::vector<std::int32_t> initial_symbols(std::string_view word) const;
  struct Edges {
    std::int32_t symbols[3];
    std::size_t count = 0;
  };
  Edges edge_symbols(std::string_view piece, bool at_end) const;

  PieceIds vocabulary_;
  std::vector<std::int32_t> early_characters_;  // the ids of one-character pieces below U+3000, -1: none
  std::int32_t byte_ids_[256];
  std::optional<std::int32_t> unknown_;
  bool byte_fallback_ = false, fuse_unknown_ = false, ignore_merges_ = false;
  Merges merges_;
  std::size_t num_merges_ = 0;
  std::string joined_;  // of the merge that is added
};

}  // namespace holdfast::text
