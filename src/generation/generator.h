// Generation with continuous batching over a paged cache, greedy or sampled.
//
// Prompts wait in a queue.  Each step of the model takes one token of every answer on its way and, beside them, the
// next pieces of prompts that have entered; a prompt enters when there are pages for it and its whole answer, and
// leaves at once when the answer ends.  What prompts begin with alike is computed once (generation/prefix_tree.h). A
// prompt's answer depends on the prompt, its adapter, its number and the options alone, to the bit: not on what else is
// answered, nor on the tree or how much memory there is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "generation/prefix_tree.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

namespace holdfast::generation {

struct GenerateOptions {
  std::int64_t max_new_tokens = 256;
  double temperature = 0;  // 0: the likeliest token, the first of equals
  double top_p = 1;        // sample from the smallest set of tokens that holds this probability
  // Taken from the logit of a token that the answer has already: for each time, and once for all.
  double frequency_penalty = 0, presence_penalty = 0;
  std::map<text::TokenId, double> logit_bias;  // added to the logits of these tokens
  int top_logprobs = -1;                       // likeliest tokens told of beside each; negative: no log-probabilities
  std::vector<std::string> stop;               // an answer ends before the first of these
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

// A token of an answer.  Log-probabilities are the model's own: before penalties, bias, temperature and top_p.
struct TokenChoice {
  text::TokenId id = 0;
  double logprob = 0;                                   // where top_logprobs asks for them; and the likeliest tokens,
  std::vector<std::pair<text::TokenId, double>> top{};  // likeliest first, of equals the lower id
};

struct Prompt {
  std::vector<text::TokenId> ids;
  std::int64_t adapter = 0;  // number among the call's
};

// Answers prompts that come while others are being answered.  One thread at a time.
class Generator {
 public:
  // Both are called within step(), by the number of the prompt.
  struct Listener {
    std::function<bool(std::size_t, const TokenChoice&)> on_token;  // false: no more of it is wanted; may be empty
    std::function<void(std::size_t, Completion)> on_completion;     // the answer has ended
  };
  // `tokenizer` null: no texts, and then no stop strings.  The adapters, null among them being the bare base, outlive
  // it and do not change; none at all: the bare base alone.
  Generator(PrefixTree& tree, const text::Tokenizer* tokenizer, std::span<const model::Adapter* const> adapters,
            std::int64_t step_tokens, Listener listener);
  ~Generator();

  // Returns the prompt's number: 0, 1, 2 ...  Its random numbers are those of `options.stream`.
  // Throws Error(kBadInput) for an empty prompt, one that leaves no room in the model's positions, or options that
  // generate() refuses.
  std::size_t add(Prompt prompt, std::shared_ptr<const GenerateOptions> options, std::uint64_t stream);
  bool is_done() const;
  // One pass through the model.  REQUIRES: !is_done().
  void step();

 private:
  class Work;
  std::unique_ptr<Work> work_;
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
