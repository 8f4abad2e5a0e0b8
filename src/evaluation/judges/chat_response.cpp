#include "evaluation/judges/chat_response.h"

#include <nlohmann/json.hpp>

namespace holdfast::evaluation {
namespace {

using nlohmann::json;

// The member of an object; null where there is none.
const json& member(const json& object, const char* key) {
  static const json kNull;
  return object.is_object() && object.contains(key) ? object[key] : kNull;
}

}  // namespace

Judgement read_chat_response(const JudgeTemplate& judge_template, const std::string& body) {
  const json root = json::parse(body, nullptr, false);
  const json& choices = member(root, "choices");
  if (!choices.is_array() || choices.empty()) return {{.failure = Failure::kUnreadable}, body.substr(0, 1000)};
  const json& message = member(choices[0], "message");
  const json &content = member(message, "content"), &refusal = member(message, "refusal");
  if (member(choices[0], "finish_reason") == "content_filter")
    return {{.failure = Failure::kJudgeRefused}, content.is_string() ? content.get<std::string>() : "content_filter"};
  if (refusal.is_string() && !refusal.get<std::string>().empty())
    return {{.failure = Failure::kJudgeRefused}, refusal.get<std::string>()};
  if (content.is_null() && message.is_object()) return {{.failure = Failure::kEmpty}};
  if (!content.is_string()) return {{.failure = Failure::kUnreadable}, body.substr(0, 1000)};
  std::string output = content.get<std::string>();
  const Verdict verdict = judge_template.read(output);
  return {verdict, std::move(output)};
}

ChatUsage chat_usage(const std::string& body) {
  const json root = json::parse(body, nullptr, false);
  const json& usage = member(root, "usage");
  const json &prompt = member(usage, "prompt_tokens"), &completion = member(usage, "completion_tokens");
  if (!prompt.is_number_integer() || !completion.is_number_integer()) return {};
  const ChatUsage counts{true, prompt.get<std::int64_t>(), completion.get<std::int64_t>()};
  return counts.prompt_tokens >= 0 && counts.completion_tokens >= 0 ? counts : ChatUsage{};
}

}  // namespace holdfast::evaluation
