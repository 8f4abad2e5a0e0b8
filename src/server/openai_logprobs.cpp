#include "server/openai_logprobs.h"

#include <algorithm>

namespace holdfast::server {
namespace {

using nlohmann::ordered_json;

std::string text_of(const text::Tokenizer& tokenizer, text::TokenId id) { return tokenizer.decode({&id, 1}, false); }

// The API's word for a token that cannot be.
double finite(double logprob) { return std::max(logprob, -9999.0); }

ordered_json entry_json(const text::Tokenizer& tokenizer, text::TokenId id, double logprob) {
  const std::string text = text_of(tokenizer, id);
  ordered_json bytes;
  if (text.find("\xEF\xBF\xBD") == std::string::npos) {
    bytes = ordered_json::array();
    for (const char byte : text) bytes.push_back(static_cast<unsigned char>(byte));
  }
  return {{"token", text}, {"logprob", finite(logprob)}, {"bytes", std::move(bytes)}};
}

}  // namespace

ordered_json chat_logprobs_json(const text::Tokenizer& tokenizer, std::span<const generation::AnswerToken> tokens) {
  ordered_json content = ordered_json::array();
  for (const auto& [choice, byte, character] : tokens) {
    ordered_json entry = entry_json(tokenizer, choice.id, choice.logprob);
    entry["top_logprobs"] = ordered_json::array();
    for (const auto& [id, logprob] : choice.top) entry["top_logprobs"].push_back(entry_json(tokenizer, id, logprob));
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

ordered_json completion_logprobs_json(const text::Tokenizer& tokenizer,
                                      std::span<const generation::AnswerToken> tokens) {
  ordered_json json = {{"tokens", ordered_json::array()},
                       {"token_logprobs", ordered_json::array()},
                       {"top_logprobs", ordered_json::array()},
                       {"text_offset", ordered_json::array()}};
  for (const auto& [choice, byte, character] : tokens) {
    json["tokens"].push_back(text_of(tokenizer, choice.id));
    json["token_logprobs"].push_back(finite(choice.logprob));
    ordered_json top = ordered_json::object();  // of tokens that read alike, the likeliest
    for (const auto& [id, logprob] : choice.top) top.emplace(text_of(tokenizer, id), finite(logprob));
    top.emplace(text_of(tokenizer, choice.id), finite(choice.logprob));
    json["top_logprobs"].push_back(std::move(top));
    json["text_offset"].push_back(character);
  }
  return json;
}

}  // namespace holdfast::server
