// Log-likelihoods of continuations, as lm-evaluation-harness asks for them.
//
// All requests of a call stand in one prefix tree and each distinct token is computed once; logits are read only where
// a continuation needs them, once for all requests that read the same place.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "generation/prefix_tree.h"

namespace holdfast::generation {

struct ScoreRequest {
  std::vector<text::TokenId> context, continuation;  // REQUIRES: neither empty
  std::int64_t adapter = 0;                          // number among the call's
};

struct Score {
  double logprob = 0;                  // natural, summed over the continuation
  std::vector<double> token_logprobs;  // one a token of the continuation
  bool is_greedy = true;               // every token is the likeliest at its place
};

// `adapters`: null among them is the bare base; none at all: the bare base alone.
// Contexts too long for the model's positions lose their beginning, as in lm-evaluation-harness.
// `pack_tokens` bounds the tokens that run together; neither it nor what the tree holds, nor the order or the company
// of the requests, changes an answer.
// Throws Error(kBadInput) for an empty context or continuation, or a continuation longer than the model's positions.
std::vector<Score> score(PrefixTree& tree, std::span<const model::Adapter* const> adapters,
                         std::span<const ScoreRequest> requests, std::int64_t pack_tokens = 2048);

// The same with a tree of its own and one adapter for all requests; null: the bare base.
std::vector<Score> score(model::Decoder& decoder, const model::Adapter* adapter, std::span<const ScoreRequest> requests,
                         std::int64_t pack_tokens = 2048);

}  // namespace holdfast::generation
