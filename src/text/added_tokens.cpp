#include "text/added_tokens.h"

#include <algorithm>

#include "text/unicode.h"

namespace holdfast::text {
namespace {

bool ends_with_word(std::string_view text) {
  const auto points = code_points(text.substr(text.size() - std::min<std::size_t>(text.size(), 4)));
  return !points.empty() && is_word_character(points.back());
}

bool starts_with_word(std::string_view text) {
  return !text.empty() && is_word_character(decode_utf8(text).code_point);
}

bool overlaps(std::span<const TextRange> ranges, std::size_t begin, std::size_t end) {
  const auto range = std::lower_bound(ranges.begin(), ranges.end(), begin,
                                      [](const TextRange& one, std::size_t place) { return one.end <= place; });
  return range != ranges.end() && range->begin < end;
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<const AddedToken*> tokens) : tokens_(std::move(tokens)) {
  std::vector<ByteTrie::Entry> entries;
  for (const AddedToken* token : tokens_) {
    entries.emplace_back(token->content, static_cast<std::int32_t>(entries.size()));
    has_special_ = has_special_ || token->is_special;
  }
  trie_ = ByteTrie(std::move(entries));
}

AddedTokenMatcher::Cut AddedTokenMatcher::split(std::string_view text, std::span<const TextRange> content) const {
  Cut cut;
  std::size_t done = 0, i = 0, counted = 0;
  while (i < text.size()) {
    if (!trie_.starts_with_byte(text[i])) {
      ++i;
      continue;
    }
    const AddedToken* found = nullptr;
    std::size_t plain_end = 0;
    trie_.visit_prefixes(text.substr(i), [&](std::size_t bytes, std::int32_t place) {
      const AddedToken* token = tokens_[static_cast<std::size_t>(place)];
      if (token->is_special && overlaps(content, i, i + bytes))
        plain_end = i + bytes;
      else
        found = token;
    });
    if (plain_end > 0 && i >= counted) {
      ++cut.plain_tokens;
      counted = plain_end;
    }
    if (found == nullptr) {
      ++i;
      continue;
    }
    std::size_t begin = i, end = i + found->content.size();
    i = end;
    if (found->single_word && (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end)))) continue;
    if (found->lstrip) begin = std::max(done, begin - trailing_white_space(text.substr(0, begin)));
    if (found->rstrip) end += leading_white_space(text.substr(end));
    if (begin > done) cut.pieces.push_back({text.substr(done, begin - done), -1});
    cut.pieces.push_back({text.substr(begin, end - begin), found->id});
    done = i = end;
  }
  if (done < text.size()) cut.pieces.push_back({text.substr(done), -1});
  return cut;
}

}  // namespace holdfast::text
