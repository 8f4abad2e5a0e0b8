// The config.json that a GGUF file's metadata stands for, so that the families read both alike.
//
// Architectures: llama (also Mistral and Mixtral), qwen2, qwen3, qwen3moe, gemma, gemma2, gemma3, phi3, smollm3, olmo2.
// Keys and their meaning: docs/formats/gguf.md.
#pragma once

#include <nlohmann/json.hpp>

#include "base/gguf.h"

namespace holdfast::checkpoint {

// Throws Error(kBadFile) naming the key: an architecture that is not listed, a part of a split model, a key that is
// missing, a feature that would change the mathematics.
nlohmann::json gguf_config(const GgufFile& file);

// Rows of query and key stand in pairs (0, k/2, 1, k/2 + 1, ...) within each head.
bool has_interleaved_heads(const GgufFile& file);

}  // namespace holdfast::checkpoint
