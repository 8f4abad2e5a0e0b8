// How lm-evaluation-harness 0.4 cuts a context and a continuation into token ids.
//
//   white space at the end of the context moves to the front of the continuation;
//   continuation ids = ids(context + continuation) behind the first len(ids(context));
//   an empty context becomes the prefix token (BOS, else EOS), unless the continuation begins with it.
// Special tokens are added as the tokenizer does by default, but not to a text that begins with the BOS text.
#pragma once

#include <string>
#include <vector>

#include "text/tokenizer.h"
#include "text/tokenizer_config.h"

namespace holdfast::text {

struct ContinuationIds {
  std::vector<TokenId> context, continuation;
};

class ContinuationEncoder {
 public:
  ContinuationEncoder(const Tokenizer& tokenizer, const TokenizerConfig& config);
  // Throws Error(kBadInput) when the continuation is empty, or the context is and there is no prefix token.
  ContinuationIds encode(const std::string& context, const std::string& continuation) const;
  // A text that is to be gone on with, as a prompt without a chat template.
  std::vector<TokenId> ids(const std::string& text) const;

 private:
  const Tokenizer& tokenizer_;
  std::string bos_;
  TokenId prefix_ = -1;
};

}  // namespace holdfast::text
