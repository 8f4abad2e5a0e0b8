// Training rows of the formats in use, as conversations or plain text (docs/formats/training_data.md).
//
//   {"messages": [{"role", "content"}]}                     {"conversations": [{"from", "value"}]}   (ShareGPT)
//   {"prompt", "completion"}  texts, or lists of messages   {"instruction", "input"?, "output", "system"?}   (Alpaca)
//   {"text"}
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::text {

struct Conversation {
  bool is_plain_text = false;
  nlohmann::ordered_json messages;        // of a conversation: [{"role", "content"}]
  std::string text;                       // of plain text; with a completion, the prompt
  std::optional<std::string> completion;  // follows `text` and is the only target
  std::size_t line = 0;
};

// Throws Error(kBadFile or kBadInput) naming file, line, the keys found and those expected.
std::vector<Conversation> read_conversations(const std::filesystem::path& path);

}  // namespace holdfast::text
