// The "pre_tokenizer" of tokenizer.json: cuts normalised text into words, across which BPE never merges.
//
// Kinds: Sequence, Split (text or regex; five behaviours; invert), ByteLevel, Metaspace, Digits, Punctuation,
// Whitespace, WhitespaceSplit.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace holdfast::text {

struct Word {
  std::string text;
  bool is_first = false;  // starts where the whole input starts (Metaspace's "first")
};
using PreTokenizer = std::function<std::vector<Word>(std::vector<Word>)>;

// null gives the identity.  Throws Error(kBadFile) for a kind that is not in the list.
PreTokenizer make_pre_tokenizer(const nlohmann::json& description, const std::string& where);

}  // namespace holdfast::text
