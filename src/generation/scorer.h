// Log-likelihoods of continuations, as lm-evaluation-harness asks for them.
//
// Requests that are equal up to their last token run once.  What all requests of a call begin with is computed once,
// kept in a cache, and attended from every suffix.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/decoder.h"
#include "text/tokenizer.h"

namespace holdfast::generation {

struct ScoreRequest {
  std::vector<text::TokenId> context, continuation;  // REQUIRES: neither empty
};

struct Score {
  double logprob = 0;                  // natural, summed over the continuation
  std::vector<double> token_logprobs;  // one a token of the continuation
  bool is_greedy = true;               // every token is the likeliest at its place
};

// Contexts too long for the model's positions lose their beginning, as in lm-evaluation-harness.
// `pack_tokens` bounds the tokens that run together; it does not change which requests share work.
// Throws Error(kBadInput) for an empty context or continuation, or a continuation longer than the model's positions.
std::vector<Score> score(model::Decoder& decoder, const model::Adapter* adapter, std::span<const ScoreRequest> requests,
                         std::int64_t pack_tokens = 2048);

}  // namespace holdfast::generation
