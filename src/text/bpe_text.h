// The vocabulary and the merges of a tokenizer.json, read without a tree: they are nearly all of the file, a hundred
// thousand texts, and a tree of them takes most of the time that a tokenizer takes to load.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::text {

struct BpeText {
  std::vector<std::pair<std::string, std::int64_t>>
      vocabulary;  // in the file's order; of a piece twice the last counts
  std::vector<std::pair<std::string, std::string>> merges;
  std::string rest;  // the file with {} and [] in their places: JSON where the file is
};

// Nothing where the file is not as such files are: then only a parser of all JSON can say what it is.
std::optional<BpeText> split_bpe(std::string_view text);

}  // namespace holdfast::text
