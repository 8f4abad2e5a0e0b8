// What OpenAI's API says of models and completions, over an engine: requests read and checked, answers and errors in
// its JSON.  Which parameters are taken: docs/serve.md; any other is an error, none is passed over.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "generation/answer_engine.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace holdfast::server {

struct ServedModel {
  std::vector<std::string> names;  // of the bare model first, then of each adapter, as the engine numbers them
  const text::Tokenizer* tokenizer = nullptr;
  const text::ChatTemplate* chat = nullptr;  // null: no chat completions
  std::string template_date = "2024-07-26";
  std::int64_t max_new_tokens = 256;  // where a request does not say
  std::uint64_t seed = 1234;          // the same; requests then differ by their number
};

// What is wrong with a request, as the API says it.
struct ApiError {
  int status = 400;
  std::string message, param, code;  // the last two may be empty
  nlohmann::ordered_json json() const;
};

// A request for completions: one for each prompt and each of its n answers, in the order of the choices.
struct CompletionRequest {
  bool is_chat = false, streams = false, includes_usage = false, includes_logprobs = false;
  std::string model;
  std::int64_t answers_per_prompt = 1;
  std::vector<generation::AnswerRequest> answers;
};

// Throws ApiError.  `number` of the request: of the random numbers where it has no seed.
CompletionRequest read_request(const nlohmann::ordered_json& body, bool is_chat, const ServedModel& model,
                               std::uint64_t number);

// The answers of one request as they grow; what is common to its objects.
struct ResponseHead {
  std::string id, model;
  std::int64_t created = 0;
  bool is_chat = false;
  std::int64_t answers_per_prompt = 1;         // a prompt counts once in the usage
  const text::Tokenizer* tokenizer = nullptr;  // of the log-probabilities' texts; null: none were asked for
};
struct Choice {
  std::string text;
  std::vector<generation::AnswerToken> tokens;  // where log-probabilities were asked for
  generation::AnswerEnd end;
};
nlohmann::ordered_json response_json(const ResponseHead& head, const std::vector<Choice>& choices);
// Of a stream: a piece of a choice, its end, and the usage of all.
struct ChoicePiece {
  std::string text;
  std::vector<generation::AnswerToken> tokens;
  bool is_first = false;
};
nlohmann::ordered_json chunk_json(const ResponseHead& head, std::size_t choice, const ChoicePiece& piece);
nlohmann::ordered_json end_chunk_json(const ResponseHead& head, std::size_t choice, const std::string& finish_reason);
nlohmann::ordered_json usage_chunk_json(const ResponseHead& head, const std::vector<Choice>& choices);
nlohmann::ordered_json models_json(const ServedModel& model, std::int64_t created);

}  // namespace holdfast::server
