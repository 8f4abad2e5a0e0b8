#include "text/continuation.h"

#include "base/error.h"
#include "text/unicode.h"

namespace holdfast::text {

ContinuationEncoder::ContinuationEncoder(const Tokenizer& tokenizer, const TokenizerConfig& config)
    : tokenizer_(tokenizer), bos_(config.token("bos_token")) {
  for (const char* name : {"bos_token", "eos_token"}) {
    if (const auto id = tokenizer.token_to_id(config.token(name)); prefix_ < 0 && !config.token(name).empty() && id)
      prefix_ = *id;
  }
}

std::vector<TokenId> ContinuationEncoder::ids(const std::string& text) const {
  const bool has_bos = !bos_.empty() && text.starts_with(bos_);
  return tokenizer_.encode(text, !has_bos);
}

ContinuationIds ContinuationEncoder::encode(const std::string& context, const std::string& continuation) const {
  HOLDFAST_CHECK(kBadInput, !continuation.empty(), "[score] found an empty continuation, expected a text");
  ContinuationIds result;
  if (context.empty()) {
    HOLDFAST_CHECK(kBadInput, prefix_ >= 0,
                   "[score] found an empty context and a tokenizer without BOS and EOS, expected a context");
    result.continuation = tokenizer_.encode(continuation, false);
    result.context = {prefix_};
    if (!result.continuation.empty() && result.continuation[0] == prefix_)
      result.continuation.erase(result.continuation.begin());
  } else {
    const std::string kept = strip_right(context);
    const std::string moved = context.substr(kept.size()) + continuation;
    const std::vector<TokenId> whole = ids(kept + moved);
    result.context = ids(kept);
    if (result.context.size() < whole.size())
      result.continuation.assign(whole.begin() + static_cast<std::ptrdiff_t>(result.context.size()), whole.end());
  }
  HOLDFAST_CHECK(
      kBadInput, !result.context.empty() && !result.continuation.empty(),
      "[score] found a context and continuation that share all their tokens, expected at least one token of each");
  return result;
}

}  // namespace holdfast::text
