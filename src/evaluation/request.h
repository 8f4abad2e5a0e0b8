// The requests of an item, word for word as lm-evaluation-harness 0.4.13 makes them.
//
// Plain    description, examples and question in one text; the ending follows behind the page's delimiter
// Chat     the description becomes the system message, each example a user's and an assistant's turn, the question the
//          last user's turn; or examples and question, joined as in the plain text, are one user's turn; the ending
//          follows without a delimiter behind what the template renders
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "evaluation/benchmark.h"

namespace holdfast::evaluation {

struct Request {
  std::string context, continuation;
};

// Renders a conversation that the assistant is to go on with; empty: no chat template is used.
using ChatRenderer = std::function<std::string(const nlohmann::ordered_json& messages)>;

struct ChatOptions {
  std::string system_prompt{};  // stands before the item's description
  bool shots_as_turns = true;   // else the examples stand in the question's own turn
};

// `question` ends the last user's turn.
nlohmann::ordered_json chat_messages(const Item& item, const std::string& question, const ChatOptions& options);

// One request an ending.  REQUIRES: an item with choices.
std::vector<Request> choice_requests(const Item& item, const ChatRenderer& chat, const ChatOptions& options = {});

}  // namespace holdfast::evaluation
