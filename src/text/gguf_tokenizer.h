// The tokenizer of a GGUF file, as the tokenizer.json that its model was published with.
//
// tokenizer.ggml.model "llama" (SentencePiece's BPE: merges from the pieces' scores) and "gpt2" (byte-level BPE, the
// words by tokenizer.ggml.pre).  What is made of which key: docs/formats/gguf.md.
#pragma once

#include <nlohmann/json.hpp>

#include "base/gguf.h"
#include "text/tokenizer_config.h"

namespace holdfast::text {

// Throws Error(kBadFile) naming the key: another kind of tokenizer, words that are cut by a rule that is not known.
nlohmann::json gguf_tokenizer(const GgufFile& file);

// Names of special tokens, and the chat template; nothing where the file has no tokenizer.
TokenizerConfig gguf_tokenizer_config(const GgufFile& file);

}  // namespace holdfast::text
