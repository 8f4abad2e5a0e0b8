// The Unigram model: of all ways to cut a word into pieces, the one with the highest sum of scores.
//
// Source: Kudo, arXiv:1804.10959, with the rules of Hugging Face's Unigram model: scores are added in double, left to
// right, and of equal sums the one found first stands; a character that is no piece is unknown, at 10 less than the
// lowest score; neighbouring unknowns are one, which is looked up as a piece, then as bytes <0xNN> (byte_fallback).
#pragma once

#include "text/byte_trie.h"
#include "text/piece_model.h"

namespace holdfast::text {

class Unigram final : public PieceModel {
 public:
  Unigram(const nlohmann::json& model, const std::string& where);

  void encode(std::string_view word, std::vector<std::int32_t>& ids) const override;
  void encode_without(const IdSet& excluded, std::string_view word, std::vector<std::int32_t>& ids) const override;
  std::optional<std::int32_t> id(std::string_view piece) const override;
  std::optional<std::int32_t> unknown_id() const override { return unknown_; }
  const PieceIds& vocabulary() const override { return vocabulary_; }

 private:
  void encode_word(const IdSet* excluded, std::string_view word, std::vector<std::int32_t>& ids) const;
  void append(const IdSet* excluded, std::string_view text, std::int32_t known, std::vector<std::int32_t>& ids) const;

  PieceIds vocabulary_;
  std::vector<double> scores_;  // by id
  ByteTrie trie_;
  std::int32_t byte_ids_[256];
  std::optional<std::int32_t> unknown_;
  double unknown_score_ = 0;
  bool byte_fallback_ = false;
};

}  // namespace holdfast::text
