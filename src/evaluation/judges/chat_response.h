// What an OpenAI-compatible endpoint answers to a chat completion.
#pragma once

#include <cstdint>
#include <string>

#include "evaluation/judges/judge_template.h"

namespace holdfast::evaluation {

// The judgement of a body that came with status 200: never a verdict where none can be read.
Judgement read_chat_response(const JudgeTemplate& judge_template, const std::string& body);

struct ChatUsage {
  bool is_known = false;
  std::int64_t prompt_tokens = 0, completion_tokens = 0;
};
// Counts below zero are none: they would give money back.
ChatUsage chat_usage(const std::string& body);

}  // namespace holdfast::evaluation
