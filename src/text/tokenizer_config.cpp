#include "text/tokenizer_config.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

json read_object(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return json::object();
  json value = json::parse(read_file(path), nullptr, false);
  HOLDFAST_CHECK(kBadFile, value.is_object(), "[tokenizer] ", path.string(),
                 ": found no JSON object, expected one; is the download complete?");
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

std::optional<std::string> read_template(const json& config) {
  if (!config.contains("chat_template")) return std::nullopt;
  const json& value = config["chat_template"];
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return std::nullopt;
  for (const json& named : value) {
    if (named.is_object() && named.value("name", "") == "default" && named.contains("template"))
      return named["template"].get<std::string>();
  }
  return std::nullopt;
}

}  // namespace

std::string TokenizerConfig::token(const std::string& name) const {
  const auto found = special_tokens.find(name);
  return found == special_tokens.end() ? std::string() : found->second;
}

TokenizerConfig read_tokenizer_config(const std::filesystem::path& directory) {
  TokenizerConfig config;
  const json main = read_object(directory / "tokenizer_config.json");
  read_tokens(read_object(directory / "special_tokens_map.json"), config.special_tokens);
  read_tokens(main, config.special_tokens);
  config.chat_template = read_template(main);
  const auto file = directory / "chat_template.jinja";
  if (std::filesystem::exists(file)) config.chat_template = read_file(file);
  return config;
}

}  // namespace holdfast::text
