// Batched generation with a KV cache, greedy or sampled.
//
// All prompts of a call run together and share every product with the weights; a sequence leaves the batch when it
// ends. What a call computes depends on its prompts and options alone, so that a wave gives the same bytes whenever it
// is run.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "text/tokenizer.h"

namespace holdfast::generation {

struct GenerateOptions {
  std::int64_t max_new_tokens = 256;
  double temperature = 0;         // 0: the likeliest token, the first of equals
  double top_p = 1;               // sample from the smallest set of tokens that holds this probability
  std::vector<std::string> stop;  // an answer ends before the first of these
  std::uint64_t seed = 1234;
  std::uint64_t stream = 0;  // of the first prompt's random numbers; the others count up from it
};

enum class FinishReason { kStop, kLength };
const char* finish_reason_name(FinishReason reason);

struct Completion {
  std::vector<text::TokenId> ids;  // with the end-of-sequence token, when there is one
  std::string text;                // decoded without special tokens, cut at a stop string
  FinishReason reason = FinishReason::kLength;
  std::int64_t prompt_tokens = 0;
};

// Throws Error(kBadInput) for an empty prompt, or one that leaves no room in the model's positions.
std::vector<Completion> generate(model::Decoder& decoder, const text::Tokenizer& tokenizer,
                                 const model::Adapter* adapter, std::span<const std::vector<text::TokenId>> prompts,
                                 const GenerateOptions& options);

// The same without texts where `tokenizer` is null.  REQUIRES: then no stop strings.
std::vector<Completion> generate(model::Decoder& decoder, const text::Tokenizer* tokenizer,
                                 const model::Adapter* adapter, std::span<const std::vector<text::TokenId>> prompts,
                                 const GenerateOptions& options);

}  // namespace holdfast::generation
