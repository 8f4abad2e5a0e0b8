#include "text/bpe.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "text/unicode.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

constexpr std::int32_t kEarlyCharacters = 0x3000;
constexpr std::int64_t kIdEnd = 1 << 30;       // no id is this or more
constexpr std::size_t kLongestPiece = 10'000;  // of a text this is what one id may become

bool flag(const json& model, const char* key) {
  return model.contains(key) && model[key].is_boolean() && model[key].get<bool>();
}

// A merge is "a b" or ["a", "b"].
std::pair<std::string, std::string> pieces_of(const json& merge, const std::string& where) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  const std::string text = merge.is_string() ? merge.get<std::string>() : std::string();
  const std::size_t space = text.find(' ');
  HOLDFAST_CHECK(kBadFile, space != std::string::npos, where, ": found merge ",
                 merge.dump(-1, ' ', false, json::error_handler_t::replace), ", expected two pieces");
  return {text.substr(0, space), text.substr(space + 1)};
}

}  // namespace

Bpe::Bpe(const json& model, const BpeText* read, const std::string& where) {
  HOLDFAST_CHECK(kBadFile,
                 model.is_object() && model.contains("vocab") && model["vocab"].is_object() &&
                     model.contains("merges") && model["merges"].is_array(),
                 where, ": found no vocab and merges, expected a BPE model; is the file damaged?");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    HOLDFAST_CHECK(kBadFile, !model.contains(key) || model[key].is_null() || model[key] == "", where, ": found ", key,
                   " ", model.contains(key) ? model[key].dump() : std::string(),
                   ", expected none: it is not supported");
  }
  HOLDFAST_CHECK(kBadFile, !model.contains("dropout") || model["dropout"].is_null() || model["dropout"] == 0.0, where,
                 ": found a dropout, expected none");
  byte_fallback_ = flag(model, "byte_fallback");
  fuse_unknown_ = flag(model, "fuse_unk");
  ignore_merges_ = flag(model, "ignore_merges");
  early_characters_.assign(kEarlyCharacters, -1);
  if (read != nullptr) {
    reserve(read->vocabulary.size(), read->merges.size());
    for (const auto& [piece, id] : read->vocabulary) add_piece(piece, id, where);
    read_special_pieces(model, where);
    for (const auto& [left, right] : read->merges) add_merge(left, right, where);
    return;
  }
  reserve(model["vocab"].size(), model["merges"].size());
  for (const auto& [piece, id] : model["vocab"].items()) {
    HOLDFAST_CHECK(kBadFile, id.is_number_integer() && id.get<double>() >= 0 && id.get<double>() < kIdEnd, where,
                   ": found id ", id.dump(), " for piece '", piece, "', expected a whole number from 0 up");
    add_piece(piece, id.get<std::int32_t>(), where);
  }
  read_special_pieces(model, where);
  for (const json& merge : model["merges"]) {
    const auto [left, right] = pieces_of(merge, where);
    add_merge(left, right, where);
  }
}

void Bpe::reserve(std::size_t pieces, std::size_t merges) {
  vocabulary_.reserve(pieces);
  merges_.reserve(merges);
}

void Bpe::add_piece(std::string_view piece, std::int64_t id, const std::string& where) {
  HOLDFAST_CHECK(kBadFile, id < kIdEnd, where, ": found id ", id, " for piece '", piece,
                 "', expected a whole number from 0 up");
  HOLDFAST_CHECK(kBadFile, piece.size() <= kLongestPiece, where, ": found a piece of ", piece.size(),
                 " bytes, expected at most ", kLongestPiece);
  vocabulary_.insert_or_assign(std::string(piece), static_cast<std::int32_t>(id));
  if (piece.empty() || piece.size() > 3) return;
  const auto [character, length] = decode_utf8(piece);
  if (length == piece.size() && character >= 0 && character < kEarlyCharacters)
    early_characters_[character] = static_cast<std::int32_t>(id);
}

// Those that stand for what has no piece.
void Bpe::read_special_pieces(const json& model, const std::string& where) {
  if (model.contains("unk_token") && model["unk_token"].is_string()) {
    unknown_ = id(model["unk_token"].get<std::string>());
    HOLDFAST_CHECK(kBadFile, unknown_.has_value(), where, ": found unk_token ", model["unk_token"].dump(),
                   " that is not in the vocabulary, expected it there");
  }
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    byte_ids_[byte] = id(name).value_or(-1);
  }
}

void Bpe::add_merge(std::string_view left, std::string_view right, const std::string& where) {
  joined_.assign(left).append(right);
  const auto a = id(left), b = id(right), both = id(joined_);
  HOLDFAST_CHECK(kBadFile, a && b && both, where, ": found merge ", num_merges_, " ('", left, "' + '", right,
                 "') with a piece that is not in the vocabulary, expected all three");
  const Edges ends = edge_symbols(left, true), begins = edge_symbols(right, false);
  merges_.add(*a, *b, *both, {ends.symbols, ends.count}, {begins.symbols, begins.count});
  ++num_merges_;
}

// The first symbols that a piece can begin or end with: a character, or what stands for bytes and unknown characters.
Bpe::Edges Bpe::edge_symbols(std::string_view piece, bool at_end) const {
  Edges edges;
  const auto add = [&](std::int32_t symbol) { edges.symbols[edges.count++] = symbol; };
  if (piece.empty()) return edges;
  std::size_t start = 0;
  if (at_end) {
    for (start = piece.size() - 1; start > 0 && (static_cast<unsigned char>(piece[start]) & 0xC0) == 0x80;) --start;
  }
  if (const std::int32_t edge = character_id(piece.substr(start, decode_utf8(piece.substr(start)).length)); edge >= 0)
    add(edge);
  if (byte_fallback_ && piece.size() >= 6) {
    const auto found = vocabulary_.find(at_end ? piece.substr(piece.size() - 6) : piece.substr(0, 6));
    if (found != vocabulary_.end() && std::find(byte_ids_, byte_ids_ + 256, found->second) != byte_ids_ + 256)
      add(found->second);
  }
  if (unknown_) add(*unknown_);
  return edges;
}

std::optional<std::int32_t> Bpe::id(std::string_view piece) const {
  const auto found = vocabulary_.find(piece);
  if (found == vocabulary_.end()) return std::nullopt;
  return found->second;
}

std::int32_t Bpe::character_id(std::string_view character) const {
  if (character.size() <= 3) {
    const std::int32_t c = decode_utf8(character).code_point;
    if (c >= 0 && c < kEarlyCharacters) return early_characters_[c];
  }
  return id(character).value_or(-1);
}

std::vector<std::int32_t> Bpe::initial_symbols(std::string_view word) const {
  std::vector<std::int32_t> symbols;
  symbols.reserve(word.size());
  // An unknown waits until the next known character: with fuse_unk all in between are one, and bytes go in front of it.
  bool unknown_waits = false;
  while (!word.empty()) {
    const std::string_view character = word.substr(0, decode_utf8(word).length);
    word.remove_prefix(character.size());
    if (const std::int32_t found = character_id(character); found >= 0) {
      if (unknown_waits) symbols.push_back(*unknown_);
      unknown_waits = false;
      symbols.push_back(found);
      continue;
    }
    if (byte_fallback_ && std::all_of(character.begin(), character.end(),
                                      [&](char c) { return byte_ids_[static_cast<unsigned char>(c)] >= 0; })) {
      for (const char c : character) symbols.push_back(byte_ids_[static_cast<unsigned char>(c)]);
    } else if (unknown_) {
      if (unknown_waits && !fuse_unknown_) symbols.push_back(*unknown_);
      unknown_waits = true;
    }
  }
  if (unknown_waits) symbols.push_back(*unknown_);
  return symbols;
}

void Bpe::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (ignore_merges_) {
    if (const auto whole = id(word)) {
      ids.push_back(*whole);
      return;
    }
  }
  merges_.apply(initial_symbols(word), ids);
}

void Bpe::encode_without(const IdSet& excluded, std::string_view word, std::vector<std::int32_t>& ids) const {
  const std::size_t start = ids.size();
  encode(word, ids);
  const auto is_excluded = [&](std::int32_t id) { return excluded.count(id) > 0; };
  if (std::none_of(ids.begin() + static_cast<std::ptrdiff_t>(start), ids.end(), is_excluded)) return;
  // Rare: the word is left unmerged, and a single character that is excluded is an unknown one.
  ids.resize(start);
  for (const std::int32_t symbol : initial_symbols(word)) {
    if (!is_excluded(symbol))
      ids.push_back(symbol);
    else if (unknown_)
      ids.push_back(*unknown_);
  }
}

}  // namespace holdfast::text
