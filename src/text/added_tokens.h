// Added tokens: texts that are one token wherever they stand, found before anything else happens to the text.
//
// The leftmost match wins, and of those the longest.  lstrip / rstrip take the white space beside a match into it;
// single_word refuses a match that touches a letter, digit or underscore.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

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
  AddedTokenMatcher() : nodes_(1) {}
  void add(const AddedToken* token);  // the pointer must stay valid; an empty content is passed over
  // Cuts text into ordinary pieces and added tokens; the pieces look into `text`.
  std::vector<Piece> split(std::string_view text) const;

 private:
  struct Node {
    std::map<unsigned char, std::size_t> next;
    const AddedToken* token = nullptr;
  };
  std::vector<Node> nodes_;
};

}  // namespace holdfast::text
