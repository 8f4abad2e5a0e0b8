#include "server/openai_api.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <span>

#include "base/error.h"
#include "server/openai_logprobs.h"

namespace holdfast::server {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t kMostAnswers = 128, kMostStops = 16;
constexpr std::int64_t kMostTopChat = 20, kMostTopCompletion = 5;  // likeliest tokens beside each
constexpr double kMostPenalty = 2, kMostBias = 100;
constexpr std::int64_t kCompletionTokens = 16;  // the API's default of completions that are no chat's

[[noreturn]] void refuse(std::string message, std::string param, std::string code = "", int status = 400) {
  throw ApiError{status, std::move(message), std::move(param), std::move(code)};
}

// The fields of a request, each asked for once; what nobody asks for is refused.
class Fields {
 public:
  explicit Fields(const ordered_json& body) : body_(body) {
    if (!body.is_object()) refuse("found no JSON object, expected one with a model and a prompt", "");
  }

  // Null where there is none: the API takes null for absent.
  const ordered_json& get(const char* name) {
    known_.insert(name);
    static const ordered_json kNone;
    const auto found = body_.find(name);
    return found == body_.end() ? kNone : *found;
  }
  std::int64_t integer(const char* name, std::int64_t otherwise, std::int64_t least, std::int64_t most) {
    const ordered_json& value = get(name);
    if (value.is_null()) return otherwise;
    if (!value.is_number_integer() || value < least || value > most)
      refuse(std::string("found ") + name + " " + value.dump().substr(0, 40) + ", expected a whole number from " +
                 std::to_string(least) + " to " + std::to_string(most),
             name);
    return value;
  }
  double number(const char* name, double otherwise, double least, double most) {
    const ordered_json& value = get(name);
    if (value.is_null()) return otherwise;
    if (!value.is_number() || value < least || value > most)
      refuse(std::string("found ") + name + " " + value.dump().substr(0, 40) + ", expected a number from " +
                 ordered_json(least).dump() + " to " + ordered_json(most).dump(),
             name);
    return value;
  }
  bool flag(const char* name) {
    const ordered_json& value = get(name);
    if (!value.is_null() && !value.is_boolean()) refuse(std::string("found ") + name + " that is no boolean", name);
    return value.is_boolean() && value.get<bool>();
  }
  // A parameter that may stand there with the value that changes nothing.
  void only(const char* name, const std::vector<ordered_json>& values) {
    const ordered_json& value = get(name);
    if (value.is_null() || std::find(values.begin(), values.end(), value) != values.end()) return;
    refuse(std::string(name) + " is not offered by this server; try without it", name, "unsupported_parameter");
  }
  // Names the caller for the service's own records: there are none here.
  void ignore(const char* name) { known_.insert(name); }
  void end() const {
    for (const auto& [name, value] : body_.items()) {
      if (known_.count(name) == 0)
        refuse("found the parameter '" + name + "', which this server does not know", name, "unknown_parameter");
    }
  }

 private:
  const ordered_json& body_;
  std::set<std::string> known_;
};

std::size_t adapter_of(Fields& fields, const ServedModel& served, std::string& name) {
  const ordered_json& value = fields.get("model");
  if (!value.is_string()) refuse("found no model, expected one of those that /v1/models lists", "model");
  name = value;
  const auto found = std::find(served.names.begin(), served.names.end(), name);
  if (found == served.names.end())
    refuse("found the model '" + name + "', expected one of those that /v1/models lists", "model", "model_not_found",
           404);
  return static_cast<std::size_t>(found - served.names.begin());
}

std::vector<std::string> stops_of(const ordered_json& value) {
  if (value.is_null()) return {};
  const ordered_json list = value.is_string() ? ordered_json::array({value}) : value;
  std::vector<std::string> stops;
  if (list.is_array() && static_cast<std::int64_t>(list.size()) <= kMostStops) {
    for (const auto& one : list)
      if (one.is_string() && !one.get<std::string>().empty()) stops.push_back(one);
    if (stops.size() == list.size()) return stops;
  }
  refuse("found stop that is neither a text nor a list of at most 16 texts, none of them empty", "stop");
}

std::map<text::TokenId, double> biases_of(const ordered_json& value) {
  std::map<text::TokenId, double> biases;
  if (value.is_null()) return biases;
  const auto fail = [&] {
    refuse("found logit_bias that is no object of token ids with numbers from -100 to 100", "logit_bias");
  };
  if (!value.is_object()) fail();
  for (const auto& [name, bias] : value.items()) {
    text::TokenId id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc() || end != name.data() + name.size() || id < 0) fail();
    if (!bias.is_number() || bias < -kMostBias || bias > kMostBias) fail();
    biases[id] = bias;
  }
  return biases;
}

// How many of the likeliest tokens are told of beside each of the answer; negative: no log-probabilities.
int top_logprobs_of(Fields& fields, bool is_chat) {
  if (!is_chat) return static_cast<int>(fields.integer("logprobs", -1, 0, kMostTopCompletion));
  const bool is_asked = fields.flag("logprobs");
  const std::int64_t top = fields.integer("top_logprobs", 0, 0, kMostTopChat);
  if (!is_asked && top > 0) refuse("found top_logprobs without logprobs, expected \"logprobs\": true", "top_logprobs");
  return is_asked ? static_cast<int>(top) : -1;
}

// Parts of text, one after the other; there are no others here.
std::string text_of_content(const ordered_json& content, const std::string& place) {
  if (content.is_string()) return content;
  std::string text;
  if (content.is_array()) {
    for (const auto& part : content) {
      const bool is_text = part.is_object() && part.contains("type") && part["type"] == "text" &&
                           part.contains("text") && part["text"].is_string();
      if (!is_text)
        refuse("found a part of " + place + ".content that is no text, expected {\"type\": \"text\", \"text\": …}",
               place + ".content");
      text += part["text"].get<std::string>();
    }
    return text;
  }
  refuse("found " + place + ".content that is no text", place + ".content");
}

std::vector<text::TokenId> chat_ids(const ordered_json& messages, const ServedModel& served) {
  if (served.chat == nullptr) refuse("the model has no chat template; try /v1/completions", "messages");
  if (!messages.is_array() || messages.empty())
    refuse("found no messages, expected a list of at least one", "messages");
  ordered_json plain = ordered_json::array();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const std::string place = "messages[" + std::to_string(i) + "]";
    const auto& message = messages[i];
    if (!message.is_object() || !message.contains("role") || !message["role"].is_string() ||
        !message.contains("content"))
      refuse("found " + place + " without role or content", place);
    for (const auto& [name, value] : message.items()) {
      if (name != "role" && name != "content" && !value.is_null())
        refuse("found " + place + "." + name + ", which this server does not know", place, "unknown_parameter");
    }
    plain.push_back({{"role", message["role"]}, {"content", text_of_content(message["content"], place)}});
  }
  try {
    return served.tokenizer
        ->encode_prompt(
            served.chat->render_marked(plain, {.add_generation_prompt = true, .date = served.template_date}), true)
        .ids;
  } catch (const Error& error) {  // what the template raises
    refuse(error.what(), "messages");
  }
}

bool is_id_list(const ordered_json& value) {
  return value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), [](const auto& id) {
           return id.is_number_integer() && id >= 0 && id <= INT32_MAX;
         });
}

// A text, ids, or a list of either.
std::vector<std::vector<text::TokenId>> prompt_ids(const ordered_json& prompt, const ServedModel& served) {
  std::vector<std::vector<text::TokenId>> list;
  const auto add = [&](const ordered_json& one) {
    if (one.is_string()) {
      list.push_back(served.tokenizer->encode(one.get<std::string>()));
    } else if (is_id_list(one)) {
      list.push_back(one.get<std::vector<text::TokenId>>());
    } else {
      refuse("found a prompt that is neither a text nor a list of token ids", "prompt");
    }
  };
  if (prompt.is_array() && !is_id_list(prompt)) {
    for (const auto& one : prompt) add(one);
  } else {
    add(prompt);
  }
  if (list.empty()) refuse("found no prompt, expected at least one", "prompt");
  return list;
}

ordered_json head_json(const ResponseHead& head, bool is_chunk) {
  const std::string object =
      head.is_chat ? (is_chunk ? "chat.completion.chunk" : "chat.completion") : "text_completion";
  return {{"id", head.id}, {"object", object}, {"created", head.created}, {"model", head.model}};
}

ordered_json usage_json(const ResponseHead& head, const std::vector<Choice>& choices) {
  std::int64_t prompt = 0, answer = 0;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i % static_cast<std::size_t>(head.answers_per_prompt) == 0) prompt += choices[i].end.prompt_tokens;
    answer += choices[i].end.answer_tokens;
  }
  return {{"prompt_tokens", prompt}, {"completion_tokens", answer}, {"total_tokens", prompt + answer}};
}

ordered_json logprobs_json(const ResponseHead& head, std::span<const generation::AnswerToken> tokens) {
  if (head.tokenizer == nullptr) return nullptr;
  return head.is_chat ? chat_logprobs_json(*head.tokenizer, tokens) : completion_logprobs_json(*head.tokenizer, tokens);
}

ordered_json null_or(const std::string& text) { return text.empty() ? ordered_json() : ordered_json(text); }

}  // namespace

ordered_json ApiError::json() const {
  return {{"error",
           {{"message", message},
            {"type", status >= 500 ? "server_error" : "invalid_request_error"},
            {"param", null_or(param)},
            {"code", null_or(code)}}}};
}

CompletionRequest read_request(const ordered_json& body, bool is_chat, const ServedModel& served,
                               std::uint64_t number) {
  Fields fields(body);
  CompletionRequest request;
  request.is_chat = is_chat;
  generation::AnswerRequest answer;
  answer.adapter = adapter_of(fields, served, request.model);
  generation::GenerateOptions& options = answer.options;
  options.max_new_tokens =
      fields.integer("max_tokens", is_chat ? served.max_new_tokens : kCompletionTokens, 1, INT32_MAX);
  if (is_chat) options.max_new_tokens = fields.integer("max_completion_tokens", options.max_new_tokens, 1, INT32_MAX);
  options.temperature = fields.number("temperature", 1, 0, 2);
  options.top_p = fields.number("top_p", 1, 0, 1);
  if (options.top_p <= 0) refuse("found top_p 0, expected more; temperature 0 takes the likeliest token", "top_p");
  options.frequency_penalty = fields.number("frequency_penalty", 0, -kMostPenalty, kMostPenalty);
  options.presence_penalty = fields.number("presence_penalty", 0, -kMostPenalty, kMostPenalty);
  options.logit_bias = biases_of(fields.get("logit_bias"));
  options.top_logprobs = top_logprobs_of(fields, is_chat);
  request.includes_logprobs = options.top_logprobs >= 0;
  options.stop = stops_of(fields.get("stop"));
  const bool has_seed = !fields.get("seed").is_null();
  if (has_seed)
    options.seed = static_cast<std::uint64_t>(fields.integer("seed", 0, INT64_MIN, INT64_MAX));
  else
    options.seed = served.seed;
  const std::int64_t n = request.answers_per_prompt = fields.integer("n", 1, 1, kMostAnswers);
  request.streams = fields.flag("stream");
  if (const ordered_json& of_stream = fields.get("stream_options"); !of_stream.is_null()) {
    if (!request.streams) refuse("found stream_options without stream", "stream_options");
    Fields of(of_stream);
    request.includes_usage = of.flag("include_usage");
    of.end();
  }
  if (is_chat) {
    fields.only("response_format", {ordered_json::object({{"type", "text"}})});
    fields.only("tools", {ordered_json::array()});
    fields.only("tool_choice", {"none"});
  } else {
    fields.only("echo", {false});
    fields.only("suffix", {""});
    fields.only("best_of", {n});
  }
  fields.ignore("user");
  std::vector<std::vector<text::TokenId>> prompts;
  if (is_chat)
    prompts.push_back(chat_ids(fields.get("messages"), served));
  else
    prompts = prompt_ids(fields.get("prompt"), served);
  fields.end();
  if (static_cast<std::int64_t>(prompts.size()) * n > kMostAnswers)
    refuse("found " + std::to_string(prompts.size()) + " prompts of " + std::to_string(n) +
               " answers, expected at most 128 answers",
           "n");
  for (auto& ids : prompts) {
    for (std::int64_t i = 0; i < n; ++i) {
      generation::AnswerRequest one = answer;
      one.ids = ids;
      one.options.stream = (has_seed ? 0 : number << 16) + request.answers.size();
      request.answers.push_back(std::move(one));
    }
  }
  return request;
}

ordered_json response_json(const ResponseHead& head, const std::vector<Choice>& choices) {
  ordered_json json = head_json(head, false);
  json["choices"] = ordered_json::array();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    ordered_json choice = {{"index", i}};
    if (head.is_chat)
      choice["message"] = {{"role", "assistant"}, {"content", choices[i].text}};
    else
      choice["text"] = choices[i].text;
    choice["logprobs"] = logprobs_json(head, choices[i].tokens);
    choice["finish_reason"] = choices[i].end.finish_reason;
    json["choices"].push_back(std::move(choice));
  }
  json["usage"] = usage_json(head, choices);
  return json;
}

ordered_json chunk_json(const ResponseHead& head, std::size_t choice, const ChoicePiece& piece) {
  ordered_json json = head_json(head, true), entry = {{"index", choice}};
  if (head.is_chat) {
    entry["delta"] = ordered_json::object();
    if (piece.is_first) entry["delta"]["role"] = "assistant";
    entry["delta"]["content"] = piece.text;
  } else {
    entry["text"] = piece.text;
  }
  entry["logprobs"] = logprobs_json(head, piece.tokens);
  entry["finish_reason"] = nullptr;
  json["choices"] = ordered_json::array({std::move(entry)});
  return json;
}

ordered_json end_chunk_json(const ResponseHead& head, std::size_t choice, const std::string& finish_reason) {
  ordered_json json = head_json(head, true), entry = {{"index", choice}};
  if (head.is_chat)
    entry["delta"] = ordered_json::object();
  else
    entry["text"] = "";
  entry["logprobs"] = nullptr;
  entry["finish_reason"] = finish_reason;
  json["choices"] = ordered_json::array({std::move(entry)});
  return json;
}

ordered_json usage_chunk_json(const ResponseHead& head, const std::vector<Choice>& choices) {
  ordered_json json = head_json(head, true);
  json["choices"] = ordered_json::array();
  json["usage"] = usage_json(head, choices);
  return json;
}

ordered_json models_json(const ServedModel& model, std::int64_t created) {
  ordered_json list = ordered_json::array();
  for (const std::string& name : model.names)
    list.push_back({{"id", name}, {"object", "model"}, {"created", created}, {"owned_by", "holdfast"}});
  return {{"object", "list"}, {"data", std::move(list)}};
}

}  // namespace holdfast::server
