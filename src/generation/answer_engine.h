// A model at the service of many threads: requests come at any time and are answered together, on one thread, by
// continuous batching (generation/generator.h).
//
// Invariant: an answer depends on its request alone, to the bit: not on what else is asked, nor on when.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "generation/generator.h"
#include "text/tokenizer.h"

namespace holdfast::generation {

struct AnswerRequest {
  std::vector<text::TokenId> ids;  // of the prompt
  std::size_t adapter = 0;         // number among the engine's
  GenerateOptions options;         // `stream` is this answer's own; `step_tokens` is the engine's
};

// A token, and where in the answer's text its own begins.  The token that ends an answer, and those of a stop string,
// are none of these.
struct AnswerToken {
  TokenChoice choice;
  std::size_t byte = 0, character = 0;
};

struct AnswerEnd {
  std::string finish_reason;  // "stop" or "length"; "error": see `error`
  std::string error;
  std::int64_t prompt_tokens = 0, answer_tokens = 0;
};

// Called on the engine's thread: what they do must be short.
struct AnswerListener {
  // Text that is certain, and the tokens that begin in it where log-probabilities were asked for; all of it end to end
  // is the answer.  False: nobody listens any more, the answer ends here.
  std::function<bool(const std::string&, std::span<const AnswerToken>)> on_text;
  std::function<void(const AnswerEnd&)> on_end;  // once, last
};

class AnswerEngine {
 public:
  // The adapters, null among them being the bare base, and the others outlive it.  `cache_bytes`: of keys and values
  // that are kept; 0: a quarter of the memory that can be had.
  AnswerEngine(model::Decoder& decoder, const text::Tokenizer& tokenizer, std::vector<const model::Adapter*> adapters,
               std::int64_t cache_bytes = 0);
  // Ends what is being answered, with an error.
  ~AnswerEngine();

  // Never throws for what is wrong with a request: its end says so.
  void submit(AnswerRequest request, AnswerListener listener);

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace holdfast::generation
