// Added tokens: texts that are one token wherever they stand, found before anything else happens to the text.
//
// The leftmost match wins, and of those the longest.  lstrip / rstrip take the white space beside a match into it;
// single_word refuses a match that touches a letter, digit or underscore.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/byte_trie.h"
#include "text/marked_text.h"

namespace holdfast::text {

struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  bool is_special = false, lstrip = false, rstrip = false, single_word = false, normalized = false;
};

struct Piece {
  std::string_view text;
  std::int32_t token = -1;  // the added token that this piece is, or -1: ordinary text
};

class AddedTokenMatcher {
 public:
  AddedTokenMatcher() = default;
  // The pointers must stay valid; of two with one content the later counts, an empty content is passed over.
  explicit AddedTokenMatcher(std::vector<const AddedToken*> tokens);

  struct Cut {
    std::vector<Piece> pieces;     // they look into the text
    std::size_t plain_tokens = 0;  // special tokens whose text was left ordinary because it came from content
  };
  // Cuts text into ordinary pieces and added tokens.  A special token is not seen where its text is, in part or
  // whole, content.
  Cut split(std::string_view text, std::span<const TextRange> content = {}) const;

  bool has_special() const { return has_special_; }

 private:
  std::vector<const AddedToken*> tokens_;
  ByteTrie trie_;  // contents, to places in tokens_
  bool has_special_ = false;
};

}  // namespace holdfast::text
