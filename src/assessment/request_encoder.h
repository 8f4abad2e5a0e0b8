// How items become what the model reads: rendered, cut into token ids, and held to the model's positions.
//
// An item that is longer than the positions is refused, or loses its beginning where the benchmark says too_long =
// "cut", as lm-evaluation-harness 0.4.13 has it:
//   choices   the last positions + 1 tokens of context and ending stay, of which the last is not read
//   answers   the last positions - max_new_tokens tokens of the prompt stay
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "assessment/inputs.h"
#include "evaluation/request.h"
#include "text/chat_template.h"
#include "text/continuation.h"
#include "text/tokenizer.h"
#include "text/tokenizer_config.h"

namespace holdfast::assessment {

struct EncodedPrompt {
  std::vector<text::TokenId> ids;
  std::int64_t cut = 0;                   // tokens that its beginning has lost
  std::size_t control_tokens_within = 0;  // special tokens' texts in the question
};

struct EncodedEnding {
  evaluation::Request request;  // the texts, whole
  text::ContinuationIds ids;
  std::int64_t cut = 0;
};

class RequestEncoder {
 public:
  // `chat` null: no benchmark is asked through the template.  All arguments must outlive it.
  RequestEncoder(const Plan& plan, const text::Tokenizer& tokenizer, const text::TokenizerConfig& config,
                 const text::ChatTemplate* chat, std::int64_t max_positions);

  // Of an item that is answered, and of one whose endings are scored.
  // Throws Error(kBadInput) naming the item where it does not fit and is not to be cut.
  EncodedPrompt prompt(const LoadedBenchmark& one, const evaluation::Item& item) const;
  std::vector<EncodedEnding> endings(const LoadedBenchmark& one, const evaluation::Item& item) const;

  // The prompt's text, and whether all that is asked of the item has so few bytes that it fits whatever its tokens are.
  std::string prompt_text(const LoadedBenchmark& one, const evaluation::Item& item) const;
  bool surely_fits(const LoadedBenchmark& one, const evaluation::Item& item) const;

 private:
  evaluation::ChatOptions chat_options(const LoadedBenchmark& one) const;
  evaluation::ChatRenderer renderer(const LoadedBenchmark& one) const;
  // Tokens to be cut off a request of `size` tokens of which `most` fit.
  std::int64_t excess(const LoadedBenchmark& one, const evaluation::Item& item, std::size_t size,
                      std::int64_t most) const;
  std::int64_t most_prompt_tokens(const LoadedBenchmark& one) const;

  const Plan& plan_;
  const text::Tokenizer& tokenizer_;
  const text::ContinuationEncoder continuations_;
  const text::ChatTemplate* chat_;
  const std::int64_t max_positions_;
  text::RenderOptions render_options_;
};

// An encoder with the files of the plan's model, but for the weights.
class ModelFiles {
 public:
  // `plan` must outlive it.
  ModelFiles(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks);
  ModelFiles(const ModelFiles&) = delete;  // the encoder refers to the others
  const RequestEncoder& encoder() const { return *encoder_; }

 private:
  text::Tokenizer tokenizer_;
  text::TokenizerConfig config_;
  std::optional<text::ChatTemplate> chat_;
  std::optional<RequestEncoder> encoder_;
};

// Says of the first item that does not fit, and is not to be cut, that it does not, before anything is measured.
void check_lengths(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks);

// Items that lose their beginning.
std::int64_t count_cut(const RequestEncoder& encoder, const LoadedBenchmark& one);

}  // namespace holdfast::assessment
