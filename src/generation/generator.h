// Generation with continuous batching over a paged cache, greedy or sampled.
//
// Prompts wait in a queue.  Each step of the model takes one token of every answer on its way and, beside them, the
// next pieces of prompts that have entered; a prompt enters when there are pages for it and its whole answer, and
// leaves at once when the answer ends.  What prompts begin with alike is computed once (generation/prefix_tree.h). A
// prompt's answer depends on the prompt, its adapter, its number and the options alone, to the bit: not on what else is
// answered, nor on the tree or how much memory there is.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "generation/prefix_tree.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

namespace holdfast::generation {

struct GenerateOptions {
  std::int64_t max_new_tokens = 256;
  double temperature = 0;         // 0: the likeliest token, the first of equals
  double top_p = 1;               // sample from the smallest set of tokens that holds this probability
  std::vector<std::string> stop;  // an answer ends before the first of these
  std::uint64_t seed = 1234;
  std::uint64_t stream = 0;         // of the first prompt's random numbers; the others count up from it
  std::int64_t step_tokens = 1024;  // of one pass through the model, answers' and prompts' together
};

enum class FinishReason { kStop, kLength };
const char* finish_reason_name(FinishReason reason);

struct Completion {
  std::vector<text::TokenId> ids;  // with the end-of-sequence token, when there is one
  std::string text;                // decoded without special tokens, cut at a stop string
  FinishReason reason = FinishReason::kLength;
  std::int64_t prompt_tokens = 0;
};

struct Prompt {
  std::vector<text::TokenId> ids;
  std::int64_t adapter = 0;  // number among the call's
};

// `adapters`: null among them is the bare base; none at all: the bare base alone.
// Without texts where `tokenizer` is null.  REQUIRES: then no stop strings.
// Throws Error(kBadInput) for an empty prompt, or one that leaves no room in the model's positions.
std::vector<Completion> generate(PrefixTree& tree, const text::Tokenizer* tokenizer,
                                 std::span<const model::Adapter* const> adapters, std::span<const Prompt> prompts,
                                 const GenerateOptions& options);

// The same with a tree of its own and one adapter for all prompts; null: the bare base.
std::vector<Completion> generate(model::Decoder& decoder, const text::Tokenizer* tokenizer,
                                 const model::Adapter* adapter, std::span<const std::vector<text::TokenId>> prompts,
                                 const GenerateOptions& options);
std::vector<Completion> generate(model::Decoder& decoder, const text::Tokenizer& tokenizer,
                                 const model::Adapter* adapter, std::span<const std::vector<text::TokenId>> prompts,
                                 const GenerateOptions& options);

}  // namespace holdfast::generation
