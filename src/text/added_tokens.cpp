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

}  // namespace

void AddedTokenMatcher::add(const AddedToken* token) {
  if (token->content.empty()) return;
  std::size_t node = 0;
  for (const char c : token->content) {
    const auto [place, is_new] = nodes_[node].next.try_emplace(static_cast<unsigned char>(c), nodes_.size());
    const std::size_t child = place->second;
    if (is_new) nodes_.emplace_back();
    node = child;
  }
  nodes_[node].token = token;
}

std::vector<Piece> AddedTokenMatcher::split(std::string_view text) const {
  std::vector<Piece> pieces;
  std::size_t done = 0, i = 0;
  while (i < text.size()) {
    const AddedToken* found = nullptr;
    std::size_t node = 0;
    for (std::size_t j = i; j < text.size(); ++j) {
      const auto next = nodes_[node].next.find(static_cast<unsigned char>(text[j]));
      if (next == nodes_[node].next.end()) break;
      node = next->second;
      if (nodes_[node].token != nullptr) found = nodes_[node].token;
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
    if (begin > done) pieces.push_back({text.substr(done, begin - done), -1});
    pieces.push_back({text.substr(begin, end - begin), found->id});
    done = i = end;
  }
  if (done < text.size()) pieces.push_back({text.substr(done), -1});
  return pieces;
}

}  // namespace holdfast::text
