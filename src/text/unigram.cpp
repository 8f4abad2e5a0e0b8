#include "text/unigram.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "text/unicode.h"

namespace holdfast::text {

using nlohmann::json;

Unigram::Unigram(const json& model, const std::string& where) {
  const bool is_good = model.contains("vocab") && model["vocab"].is_array() && !model["vocab"].empty();
  HOLDFAST_CHECK(kBadFile, is_good, where,
                 ": found no vocab, expected [[piece, score], ...] of a Unigram model; is the file damaged?");
  constexpr std::size_t kLongestPiece = 1'000;  // all of it may be looked at from every place of a text
  double lowest = 0;
  for (const json& entry : model["vocab"]) {
    const bool is_pair = entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_number() &&
                         std::isfinite(entry[1].get<double>());
    HOLDFAST_CHECK(kBadFile, is_pair, where, ": found ",
                   entry.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 60),
                   " in the vocab, expected [piece, score]");
    const auto id = static_cast<std::int32_t>(scores_.size());
    const auto [place, is_new] = vocabulary_.emplace(entry[0].get<std::string>(), id);
    HOLDFAST_CHECK(kBadFile, is_new, where, ": found the piece '", place->first, "' with the ids ", place->second,
                   " and ", id, ", expected one");
    HOLDFAST_CHECK(kBadFile, place->first.size() <= kLongestPiece, where, ": found a piece of ", place->first.size(),
                   " bytes, expected at most ", kLongestPiece);
    scores_.push_back(entry[1].get<double>());
    lowest = id == 0 ? scores_[0] : std::min(lowest, scores_.back());
  }
  constexpr double kUnknownPenalty = 10;
  unknown_score_ = lowest - kUnknownPenalty;
  if (model.contains("unk_id") && !model["unk_id"].is_null()) {
    const json& id = model["unk_id"];
    HOLDFAST_CHECK(kBadFile, id.is_number_unsigned() && id.get<std::uint64_t>() < scores_.size(), where,
                   ": found unk_id ", id.dump().substr(0, 40), ", expected a place in the vocab, 0 to ",
                   scores_.size() - 1);
    unknown_ = id.get<std::int32_t>();
  }
  byte_fallback_ = model.value("byte_fallback", false);
  std::vector<ByteTrie::Entry> entries(vocabulary_.begin(), vocabulary_.end());
  trie_ = ByteTrie(std::move(entries));
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    byte_ids_[byte] = id(name).value_or(-1);
  }
}

std::optional<std::int32_t> Unigram::id(std::string_view piece) const {
  const auto found = vocabulary_.find(piece);
  if (found == vocabulary_.end()) return std::nullopt;
  return found->second;
}

void Unigram::encode(std::string_view word, std::vector<std::int32_t>& ids) const { encode_word(nullptr, word, ids); }

void Unigram::encode_without(const IdSet& excluded, std::string_view word, std::vector<std::int32_t>& ids) const {
  encode_word(&excluded, word, ids);
}

void Unigram::encode_word(const IdSet* excluded, std::string_view word, std::vector<std::int32_t>& ids) const {
  constexpr std::int32_t kUnknown = -1, kUnreached = -2;
  struct Best {  // of the ways that end at one place, the best one's last piece
    double score = 0;
    std::uint32_t start = 0;
    std::int32_t id = kUnreached;
  };
  thread_local std::vector<Best> best;
  best.assign(word.size() + 1, Best());
  for (std::size_t start = 0; start < word.size();) {
    const double before = best[start].score;
    const std::size_t character = decode_utf8(word.substr(start)).length;
    bool has_single = false;
    const auto offer = [&](std::size_t end, double score, std::int32_t id) {
      Best& here = best[end];
      if (here.id == kUnreached || before + score > here.score)
        here = {before + score, static_cast<std::uint32_t>(start), id};
    };
    trie_.visit_prefixes(word.substr(start), [&](std::size_t bytes, std::int32_t id) {
      if (excluded != nullptr && excluded->count(id) > 0) return;
      offer(start + bytes, scores_[static_cast<std::size_t>(id)], id);
      has_single = has_single || bytes == character;
    });
    if (!has_single) {
      HOLDFAST_CHECK(kBadInput, unknown_.has_value(), "[tokenizer] found the character '",
                     word.substr(start, character), "', which is no piece, and no unk_id, expected either");
      offer(start + character, unknown_score_, kUnknown);
    }
    start += character;
  }
  // Back from the end; a run of unknowns is one piece.
  const auto is_unknown = [&](std::int32_t id) { return id == kUnknown || (unknown_ && id == *unknown_); };
  thread_local std::vector<std::pair<std::size_t, std::int32_t>> cuts;  // where each piece begins, last piece first
  cuts.clear();
  for (std::size_t end = word.size(); end > 0;) {
    const Best& here = best[end];
    if (!cuts.empty() && is_unknown(here.id) && is_unknown(cuts.back().second))
      cuts.back() = {here.start, kUnknown};
    else
      cuts.emplace_back(here.start, is_unknown(here.id) ? kUnknown : here.id);
    end = here.start;
  }
  for (std::size_t i = cuts.size(); i > 0; --i) {
    const std::size_t begin = cuts[i - 1].first, end = i > 1 ? cuts[i - 2].first : word.size();
    append(excluded, word.substr(begin, end - begin), cuts[i - 1].second, ids);
  }
}

// The ids of one piece, or of what no piece covers.
void Unigram::append(const IdSet* excluded, std::string_view text, std::int32_t known,
                     std::vector<std::int32_t>& ids) const {
  if (known >= 0) {
    ids.push_back(known);
    return;
  }
  if (const auto whole = id(text); whole && (excluded == nullptr || excluded->count(*whole) == 0)) {
    ids.push_back(*whole);
    return;
  }
  const auto has_piece = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)] >= 0; };
  if (byte_fallback_ && std::all_of(text.begin(), text.end(), has_piece)) {
    for (const char c : text) ids.push_back(byte_ids_[static_cast<unsigned char>(c)]);
    return;
  }
  ids.push_back(*unknown_);
}

}  // namespace holdfast::text
