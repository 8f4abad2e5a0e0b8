// What a reader takes for one character: extended grapheme clusters (Unicode Standard Annex 29).
#pragma once

#include <cstddef>
#include <string_view>

namespace holdfast::text {

// Bytes of the text's first grapheme.  REQUIRES: text not empty, valid UTF-8.
std::size_t grapheme_length(std::string_view text);

}  // namespace holdfast::text
