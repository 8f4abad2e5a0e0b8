#include "text/conversations.h"

#include "base/error.h"
#include "text/records.h"

namespace holdfast::text {
namespace {

using nlohmann::ordered_json;

// One row, with what its complaints begin with.
struct Row {
  const ordered_json& value;
  std::string where;

  bool has(const char* key) const { return value.contains(key) && !value[key].is_null(); }
  std::string text(const char* key) const {
    HOLDFAST_CHECK(kBadInput, value[key].is_string(), where, ": found '", key, "' = ", value[key].dump().substr(0, 40),
                   ", expected a text");
    return value[key].get<std::string>();
  }
};

void check_messages(const ordered_json& messages, const Row& row, const char* key) {
  HOLDFAST_CHECK(kBadInput, messages.is_array() && !messages.empty(), row.where, ": found '", key,
                 "' without messages, expected a list of {\"role\", \"content\"}");
  for (const auto& message : messages) {
    const bool is_good = message.is_object() && message.contains("role") && message["role"].is_string() &&
                         message.contains("content") &&
                         (message["content"].is_string() || message["content"].is_array());
    HOLDFAST_CHECK(kBadInput, is_good, row.where, ": found message ", message.dump().substr(0, 60),
                   ", expected {\"role\": text, \"content\": text}");
  }
}

ordered_json message(const char* role, const std::string& content) { return {{"role", role}, {"content", content}}; }

Conversation from_share_gpt(const Row& row) {
  Conversation conversation;
  conversation.messages = ordered_json::array();
  HOLDFAST_CHECK(kBadInput, row.value["conversations"].is_array(), row.where,
                 ": found 'conversations' that is no list, expected [{\"from\", \"value\"}]");
  for (const auto& turn : row.value["conversations"]) {
    const bool has_from = turn.is_object() && turn.contains("from") && turn["from"].is_string();
    const std::string from = has_from ? turn["from"].get<std::string>() : std::string();
    const char* role = from == "human" || from == "user"      ? "user"
                       : from == "gpt" || from == "assistant" ? "assistant"
                       : from == "system"                     ? "system"
                                                              : nullptr;
    HOLDFAST_CHECK(kBadInput, role != nullptr && turn.contains("value") && turn["value"].is_string(), row.where,
                   ": found turn ", turn.dump().substr(0, 60),
                   ", expected from human, gpt or system, and a text as value");
    conversation.messages.push_back(message(role, turn["value"].get<std::string>()));
  }
  return conversation;
}

Conversation from_alpaca(const Row& row) {
  Conversation conversation;
  conversation.messages = ordered_json::array();
  if (row.has("system") && !row.text("system").empty())
    conversation.messages.push_back(message("system", row.text("system")));
  std::string user = row.text("instruction");
  if (row.has("input") && !row.text("input").empty()) user += "\n\n" + row.text("input");
  conversation.messages.push_back(message("user", user));
  conversation.messages.push_back(message("assistant", row.text("output")));
  return conversation;
}

Conversation from_prompt(const Row& row) {
  Conversation conversation;
  const auto &prompt = row.value["prompt"], &completion = row.value["completion"];
  if (prompt.is_string() && completion.is_string()) {
    conversation.is_plain_text = true;
    conversation.text = prompt.get<std::string>();
    conversation.completion = completion.get<std::string>();
    return conversation;
  }
  check_messages(prompt, row, "prompt");
  check_messages(completion, row, "completion");
  conversation.messages = prompt;
  for (const auto& turn : completion) conversation.messages.push_back(turn);
  return conversation;
}

Conversation convert(const Row& row) {
  if (row.has("messages")) {
    check_messages(row.value["messages"], row, "messages");
    Conversation conversation;
    conversation.messages = row.value["messages"];
    return conversation;
  }
  if (row.has("conversations")) return from_share_gpt(row);
  if (row.has("prompt") && row.has("completion")) return from_prompt(row);
  if (row.has("instruction") && row.has("output")) return from_alpaca(row);
  if (row.has("text")) {
    Conversation conversation;
    conversation.is_plain_text = true;
    conversation.text = row.text("text");
    return conversation;
  }
  std::string keys;
  for (const auto& [key, value] : row.value.items()) keys += (keys.empty() ? "" : ", ") + key;
  fail(ErrorKind::kBadInput, row.where, ": found the keys ", keys.empty() ? "(none)" : keys,
       ", expected messages, conversations, prompt and completion, instruction and output, or text");
}

}  // namespace

std::vector<Conversation> read_conversations(const std::filesystem::path& path) {
  std::vector<Conversation> conversations;
  for (const Record& record : read_records(path)) {
    const Row row{record.value, "[train] " + path.string() + ":" + std::to_string(record.line)};
    conversations.push_back(convert(row));
    conversations.back().line = record.line;
  }
  HOLDFAST_CHECK(kBadInput, !conversations.empty(), "[train] ", path.string(),
                 ": found no rows, expected at least one");
  return conversations;
}

}  // namespace holdfast::text
