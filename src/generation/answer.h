// One answer as it grows: its tokens, its random numbers, and whether it has ended.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "checkpoint/model_config.h"
#include "generation/generator.h"
#include "text/stream_decoder.h"

namespace holdfast::generation {

class Answer {
 public:
  // To the prompt with this number, by the random numbers of `stream`; `room`: the most tokens that it may have.
  // `tokenizer` null: no texts.  `options` outlive it.
  Answer(std::size_t prompt, std::int64_t room, const text::Tokenizer* tokenizer, const GenerateOptions& options,
         std::uint64_t stream);

  // The next token, from the logits behind the last one.
  TokenChoice choose(std::span<const float> logits);
  // Adds it; true when the answer has ended: with an end-of-sequence token, a stop string, or no more room.
  bool add(text::TokenId id, const checkpoint::ModelConfig& config);
  // The text, too.
  Completion finish();

  std::size_t prompt() const { return prompt_; }
  const std::vector<text::TokenId>& ids() const { return completion_.ids; }

 private:
  std::vector<float> adjusted(std::span<const float> logits) const;
  bool has_stop(text::TokenId id);
  std::size_t find_stop(const std::string& text) const;

  std::size_t prompt_;
  std::int64_t room_;
  const text::Tokenizer* tokenizer_;
  const GenerateOptions* options_;
  Random random_;
  Completion completion_;
  std::map<text::TokenId, std::int64_t> times_;  // of each token of the answer, where penalties ask
  std::optional<text::StreamDecoder> decoder_;   // where there are stop strings, which are looked for in:
  std::string certain_;                          // the text so far that no further token can change
};

}  // namespace holdfast::generation
