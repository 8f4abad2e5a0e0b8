#include "text/bpe.h"

#include <algorithm>
#include <cstdio>
#include <queue>

#include "base/error.h"
#include "text/unicode.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

bool flag(const json& model, const char* key) { return model.contains(key) && model[key].is_boolean() && model[key].get<bool>(); }

}  // namespace

Bpe::Bpe(const json& model, const std::string& where) {
  HOLDFAST_CHECK(kBadFile, model.is_object() && model.contains("vocab") && model["vocab"].is_object() && model.contains("merges") && model["merges"].is_array(),
                 where, ": found no vocab and merges, expected a BPE model; is the file damaged?");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    HOLDFAST_CHECK(kBadFile, !model.contains(key) || model[key].is_null() || model[key] == "", where, ": found ", key, " ", model.contains(key) ? model[key].dump() : std::string(),
                   ", expected none: it is not supported");
  }
  HOLDFAST_CHECK(kBadFile, !model.contains("dropout") || model["dropout"].is_null() || model["dropout"] == 0.0, where, ": found a dropout, expected none");
  for (const auto& [piece, id] : model["vocab"].items()) {
    HOLDFAST_CHECK(kBadFile, id.is_number_integer() && id.get<std::int64_t>() >= 0 && id.get<std::int64_t>() < (1 << 30), where, ": found id ", id.dump(), " for piece '", piece,
                   "', expected a whole number from 0 up");
    vocabulary_.emplace(piece, id.get<std::int32_t>());
  }
  std::int32_t rank = 0;
  for (const json& merge : model["merges"]) {
    std::string left, right;
    if (merge.is_string()) {
      const std::string text = merge.get<std::string>();
      const std::size_t space = text.find(' ');
      HOLDFAST_CHECK(kBadFile, space != std::string::npos, where, ": found merge '", text, "', expected two pieces");
      left = text.substr(0, space), right = text.substr(space + 1);
    } else {
      HOLDFAST_CHECK(kBadFile, merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string(), where, ": found merge ", merge.dump(), ", expected two pieces");
      left = merge[0].get<std::string>(), right = merge[1].get<std::string>();
    }
    const auto a = id(left), b = id(right), both = id(left + right);
    HOLDFAST_CHECK(kBadFile, a && b && both, where, ": found merge ", rank, " ('", left, "' + '", right, "') with a piece that is not in the vocabulary, expected all three");
    merges_[pair_key(*a, *b)] = {rank++, *both};
  }
  if (model.contains("unk_token") && model["unk_token"].is_string()) {
    unknown_ = id(model["unk_token"].get<std::string>());
    HOLDFAST_CHECK(kBadFile, unknown_.has_value(), where, ": found unk_token ", model["unk_token"].dump(), " that is not in the vocabulary, expected it there");
  }
  byte_fallback_ = flag(model, "byte_fallback");
  fuse_unknown_ = flag(model, "fuse_unk");
  ignore_merges_ = flag(model, "ignore_merges");
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    byte_ids_[byte] = id(name).value_or(-1);
  }
}

std::optional<std::int32_t> Bpe::id(const std::string& piece) const {
  const auto found = vocabulary_.find(piece);
  if (found == vocabulary_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::int32_t> Bpe::initial_symbols(std::string_view word) const {
  std::vector<std::int32_t> symbols;
  symbols.reserve(word.size());
  bool last_is_unknown = false;
  while (!word.empty()) {
    const std::size_t length = decode_utf8(word).length;
    const std::string_view character = word.substr(0, length);
    word.remove_prefix(length);
    if (const auto found = id(std::string(character))) {
      symbols.push_back(*found);
      last_is_unknown = false;
      continue;
    }
    const bool has_bytes = byte_fallback_ && std::all_of(character.begin(), character.end(), [&](char c) { return byte_ids_[static_cast<unsigned char>(c)] >= 0; });
    if (has_bytes) {
      for (const char c : character) symbols.push_back(byte_ids_[static_cast<unsigned char>(c)]);
      last_is_unknown = false;
    } else if (unknown_ && !(fuse_unknown_ && last_is_unknown)) {
      symbols.push_back(*unknown_);
      last_is_unknown = true;
    }
  }
  return symbols;
}

void Bpe::merge_all(std::vector<std::int32_t>& symbols) const {
  // A doubly linked list in arrays; the queue holds candidate merges, lowest rank first, then leftmost.
  const auto n = static_cast<std::int32_t>(symbols.size());
  std::vector<std::int32_t> previous(n), next(n);
  struct Candidate {
    std::int32_t rank, place, id;
    bool operator>(const Candidate& other) const { return rank != other.rank ? rank > other.rank : place > other.place; }
  };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto consider = [&](std::int32_t place) {
    if (place < 0 || next[place] >= n) return;
    const auto found = merges_.find(pair_key(symbols[place], symbols[next[place]]));
    if (found != merges_.end()) queue.push({found->second.rank, place, found->second.id});
  };
  for (std::int32_t i = 0; i < n; ++i) previous[i] = i - 1, next[i] = i + 1;
  for (std::int32_t i = 0; i + 1 < n; ++i) consider(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    if (symbols[best.place] < 0 || next[best.place] >= n) continue;
    const std::int32_t right = next[best.place];
    const auto found = merges_.find(pair_key(symbols[best.place], symbols[right]));
    if (found == merges_.end() || found->second.id != best.id) continue;  // the pair has changed since
    symbols[best.place] = best.id;
    symbols[right] = -1;
    next[best.place] = next[right];
    if (next[right] < n) previous[next[right]] = best.place;
    consider(previous[best.place]);
    consider(best.place);
  }
  std::erase(symbols, -1);
}

void Bpe::encode(std::string_view word, std::vector<std::int32_t>& ids) const {
  if (word.empty()) return;
  const std::string key(word);
  if (ignore_merges_) {
    if (const auto whole = id(key)) {
      ids.push_back(*whole);
      return;
    }
  }
  const bool is_cached = word.size() <= kCachedWordLimit;
  if (is_cached) {
    const std::lock_guard lock(cache_mutex_);
    if (const auto found = cache_.find(key); found != cache_.end()) {
      ids.insert(ids.end(), found->second.begin(), found->second.end());
      return;
    }
  }
  std::vector<std::int32_t> symbols = initial_symbols(word);
  merge_all(symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
  if (is_cached) {
    const std::lock_guard lock(cache_mutex_);
    if (cache_.size() < kCacheLimit) cache_.emplace(key, std::move(symbols));
  }
}

}  // namespace holdfast::text
