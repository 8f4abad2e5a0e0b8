// Chat templates: turns a conversation into the exact text that the model was trained on, byte for byte as
// transformers' apply_chat_template does.  The subset of Jinja that is accepted: docs/formats/chat_template.md.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "text/marked_text.h"

namespace holdfast::text {

struct RenderOptions {
  // Ends with the opening of the assistant's turn, so that the model continues it.
  bool add_generation_prompt = false;
  // Of the last message the field that the model continues ("content", "reasoning_content"); empty: none.
  std::string continue_field;
  // What strftime_now sees, YYYY-MM-DD: fixed, so that a prompt is the same tomorrow.
  std::string date = "2024-07-26";
  nlohmann::ordered_json tools = nullptr;  // null: the template sees none
  nlohmann::ordered_json extra =
      nlohmann::ordered_json::object();  // further variables: enable_thinking, documents, ...
};

class ChatTemplate {
 public:
  // `special_tokens`: bos_token, eos_token, ... which the template sees as variables.
  // Throws Error(kBadInput) naming the template, line, found and expected.
  ChatTemplate(std::string source, std::string name, std::map<std::string, std::string> special_tokens);
  // The template of a checkpoint directory.  Throws Error(kBadFile) when it has none.
  static ChatTemplate from_directory(const std::filesystem::path& directory);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;

  // `messages`: [{"role", "content", ...}], oldest first.  Throws Error(kBadInput) with what the template raises, or
  // where it asks for something undefined.  Thread-safe.
  std::string render(const nlohmann::ordered_json& messages, const RenderOptions& options = {}) const;
  // The same, with what came from the fields of messages (all but their roles), tools and documents marked as content.
  MarkedText render_marked(const nlohmann::ordered_json& messages, const RenderOptions& options = {}) const;
  const std::string& source() const { return source_; }

 private:
  struct Program;
  static std::unique_ptr<const Program> parse(const std::string& source, const std::string& name);
  std::string source_, tool_source_, name_;
  std::map<std::string, std::string> special_tokens_;
  std::unique_ptr<const Program> program_, tool_program_;  // the second is used where there are tools, if it is there
};

}  // namespace holdfast::text
