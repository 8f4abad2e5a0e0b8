#include "text/tokenizer_config.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/gguf.h"
#include "text/gguf_tokenizer.h"
#include "text/json_shape.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

json read_object(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return json::object();
  const std::string text = read_file(path), where = "[tokenizer] " + path.string();
  check_json_shape(text, where, {.keys = 1 << 24});
  json value = json::parse(text, nullptr, false);
  HOLDFAST_CHECK(kBadFile, value.is_object(), where, ": found no JSON object, expected one; is the download complete?");
  return value;
}

// A token is a text, or an object with its text as content.
void read_tokens(const json& object, std::map<std::string, std::string>& tokens) {
  for (const char* name :
       {"bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"}) {
    if (!object.contains(name)) continue;
    const json& value = object[name];
    if (value.is_string())
      tokens[name] = value.get<std::string>();
    else if (value.is_object() && value.contains("content") && value["content"].is_string())
      tokens[name] = value["content"].get<std::string>();
  }
}

// chat_template is a text, or a list of named ones.
void read_templates(const json& config, const std::string& where, TokenizerConfig& out) {
  if (!config.contains("chat_template") || config["chat_template"].is_null()) return;
  const json& value = config["chat_template"];
  if (value.is_string()) {
    out.chat_template = value.get<std::string>();
    return;
  }
  HOLDFAST_CHECK(kBadFile, value.is_array(), where, ": found chat_template ", value.dump().substr(0, 40),
                 ", expected a text, or a list of {\"name\", \"template\"}");
  for (const json& named : value) {
    const auto has = [&](const char* key) {
      return named.is_object() && named.contains(key) && named[key].is_string();
    };
    HOLDFAST_CHECK(kBadFile, has("name") && has("template"), where, ": found ", named.dump().substr(0, 40),
                   " in chat_template, expected {\"name\": text, \"template\": text}");
    if (named["name"] == "default") out.chat_template = named["template"].get<std::string>();
    if (named["name"] == "tool_use") out.tool_template = named["template"].get<std::string>();
  }
}

}  // namespace

std::string TokenizerConfig::token(const std::string& name) const {
  const auto found = special_tokens.find(name);
  return found == special_tokens.end() ? std::string() : found->second;
}

TokenizerConfig read_tokenizer_config(const std::filesystem::path& directory) {
  if (const auto gguf = find_gguf(directory)) return gguf_tokenizer_config(GgufFile(*gguf));
  TokenizerConfig config;
  const json main = read_object(directory / "tokenizer_config.json");
  read_tokens(read_object(directory / "special_tokens_map.json"), config.special_tokens);
  read_tokens(main, config.special_tokens);
  const auto file = directory / "chat_template.jinja", tools = directory / "additional_chat_templates/tool_use.jinja";
  if (std::filesystem::exists(file))
    config.chat_template = read_file(file);
  else
    read_templates(main, "[tokenizer] " + (directory / "tokenizer_config.json").string(), config);
  if (std::filesystem::exists(tools)) config.tool_template = read_file(tools);
  return config;
}

}  // namespace holdfast::text
