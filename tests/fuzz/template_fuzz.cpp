// A chat template, rendered for a conversation that has all that templates ask for.
#include "fuzz_target.h"
#include "text/chat_template.h"

void holdfast::fuzz::run(std::string_view input) {
  static const auto kMessages = nlohmann::ordered_json::parse(R"([
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is 2 + 2?"},
    {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 2, "b": [2, 0.5]}}}]},
    {"role": "tool", "name": "add", "tool_call_id": "c1", "content": "4"},
    {"role": "user", "content": [{"type": "text", "text": "caf\u00e9"}]}])");
  static const auto kTools = nlohmann::ordered_json::parse(
      R"([{"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object", "properties": {"a": {"type": "number"}}}}}])");
  const text::ChatTemplate chat(std::string(input), "fuzz", {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
  text::RenderOptions options;
  attempt([&] { touch(chat.render(kMessages, options).size()); });
  options.add_generation_prompt = true;
  options.tools = kTools;
  options.extra["enable_thinking"] = true;
  touch(chat.render(kMessages, options).size());
}
