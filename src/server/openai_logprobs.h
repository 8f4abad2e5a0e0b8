// Log-probabilities of an answer's tokens as OpenAI's API says them: of chats, and of completions that are none.
//
// They are the model's own, before temperature, penalties and bias.  A token's text is what it decodes to alone; one
// that holds part of a character has no bytes of its own in JSON, and U+FFFD stands for it.
#pragma once

#include <nlohmann/json.hpp>
#include <span>

#include "generation/answer_engine.h"

namespace holdfast::server {

// {"content": [{"token", "logprob", "bytes", "top_logprobs": [...]}, ...], "refusal": null}
nlohmann::ordered_json chat_logprobs_json(const text::Tokenizer& tokenizer,
                                          std::span<const generation::AnswerToken> tokens);
// {"tokens", "token_logprobs", "top_logprobs", "text_offset"}: the token that was taken is among the likeliest.
nlohmann::ordered_json completion_logprobs_json(const text::Tokenizer& tokenizer,
                                                std::span<const generation::AnswerToken> tokens);

}  // namespace holdfast::server
