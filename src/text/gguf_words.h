// How a GGUF file's byte-level BPE cuts text into words: the published pre-tokenizer of each tokenizer.ggml.pre.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace holdfast::text {

struct GgufWords {
  nlohmann::json normalizer, pre_tokenizer;  // of tokenizer.json
  bool ignore_merges = false;                // a word that is a piece is taken whole
  bool adds_bos = false;                     // where the file does not say
};

// Throws Error(kBadFile) beginning with `where` for a name that is not known.
GgufWords gguf_words(const std::string& name, const std::string& where);

}  // namespace holdfast::text
