// tokenizer_config.json, special_tokens_map.json and chat_template.jinja: the names of special tokens, and the
// template.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace holdfast::text {

struct TokenizerConfig {
  std::map<std::string, std::string> special_tokens;  // bos_token, eos_token, ... where the files name them
  std::optional<std::string> chat_template;           // chat_template.jinja wins; of a list, the one named "default"
  // Used where tools are given: additional_chat_templates/tool_use.jinja, or of a list the one named "tool_use".
  std::optional<std::string> tool_template;

  std::string token(const std::string& name) const;  // empty when not named
};

// Of a directory, or a GGUF file.  Missing files are no error: everything is optional.  Throws Error(kBadFile) for
// damaged ones.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& directory);

}  // namespace holdfast::text
