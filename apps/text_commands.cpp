// tokenize, render
#include <iostream>

#include "base/error.h"
#include "commands.h"
#include "text/chat_template.h"
#include "text/records.h"
#include "text/tokenizer.h"

namespace holdfast::apps {
namespace {

using nlohmann::ordered_json;

const ordered_json& field(const text::Record& record, const char* key, const char* expected) {
  HOLDFAST_CHECK(kBadInput, record.value.contains(key), "[read] standard input:", record.line, ": found no '", key,
                 "', expected ", expected);
  return record.value[key];
}

// A field that is true or false, or `otherwise` where it is missing.
bool flag(const text::Record& record, const char* key, bool otherwise) {
  if (!record.value.contains(key)) return otherwise;
  const auto& value = record.value[key];
  HOLDFAST_CHECK(kBadInput, value.is_boolean(), "[read] standard input:", record.line, ": found ", key, " ",
                 value.dump().substr(0, 40), ", expected true or false");
  return value.get<bool>();
}

std::vector<text::TokenId> ids_of(const text::Record& record, const text::Tokenizer& tokenizer) {
  const auto& list = field(record, "ids", "{\"ids\": [...]}");
  const std::string where = "[read] standard input:" + std::to_string(record.line);
  HOLDFAST_CHECK(kBadInput, list.is_array(), where, ": found ids ", list.dump().substr(0, 40),
                 ", expected a list of whole numbers");
  std::vector<text::TokenId> ids;
  for (const auto& id : list) {
    HOLDFAST_CHECK(kBadInput,
                   id.is_number_integer() && id.get<double>() >= 0 && id.get<double>() < (1 << 30) &&
                       tokenizer.id_to_token(id.get<text::TokenId>()).has_value(),
                   where, ": found the id ", id.dump().substr(0, 40), ", expected one that names one of the ",
                   tokenizer.vocabulary_size(), " tokens; try the tokenizer that made the ids");
    ids.push_back(id.get<text::TokenId>());
  }
  return ids;
}

void tokenize(const Common& common, bool adds_special, bool decodes) {
  apply_common(common);
  const auto tokenizer = text::Tokenizer::from_directory(common.model);
  text::JsonlReader reader(std::cin, "standard input");
  while (const auto record = reader.next()) {
    ordered_json line = carried(record->value);
    if (decodes) {
      line["text"] = tokenizer.decode(ids_of(*record, tokenizer), flag(*record, "skip_special", true));
    } else {
      const auto& text = field(*record, "text", "{\"text\": \"...\"}");
      HOLDFAST_CHECK(kBadInput, text.is_string(), "[read] standard input:", record->line, ": found text ",
                     text.dump().substr(0, 40), ", expected a text");
      line["ids"] = tokenizer.encode(text.get<std::string>(), adds_special);
    }
    print_line(line);
  }
}

// What the template sees beside messages: every field of the row that is nothing else.
text::RenderOptions render_options(const text::Record& record, const std::string& date) {
  text::RenderOptions options;
  options.date = date;
  options.add_generation_prompt = flag(record, "add_generation_prompt", false);
  for (const auto& [key, value] : record.value.items()) {
    if (key == "continue_final_message")
      options.continue_field = value.is_string()                  ? value.get<std::string>()
                               : flag(record, key.c_str(), false) ? "content"
                                                                  : "";
    else if (key == "tools")
      options.tools = value;
    else if (key != "messages" && key != "add_generation_prompt" && key != "id")
      options.extra[key] = value;
  }
  return options;
}

void render(const Common& common, bool plain_content) {
  apply_common(common);
  const auto tokenizer = text::Tokenizer::from_directory(common.model);
  const auto chat = text::ChatTemplate::from_directory(common.model);
  text::JsonlReader reader(std::cin, "standard input");
  while (const auto record = reader.next()) {
    const auto& messages = field(*record, "messages", "{\"messages\": [...]}");
    const text::RenderOptions options = render_options(*record, common.template_date);
    const text::MarkedText text = at_line(record->line, [&] { return chat.render_marked(messages, options); });
    text::Prompt prompt = tokenizer.encode_prompt(text, plain_content);
    ordered_json line = carried(record->value);
    line["text"] = text.string();
    line["ids"] = std::move(prompt.ids);
    if (prompt.control_tokens_in_content > 0) line["control_tokens_in_content"] = prompt.control_tokens_in_content;
    print_line(line);
  }
}

}  // namespace

void add_text_commands(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto no_special = std::make_shared<bool>(false), decodes = std::make_shared<bool>(false),
       plain_content = std::make_shared<bool>(false);
  auto* tokenize_command = app.add_subcommand("tokenize", "JSONL {\"text\"} on standard input to token ids, or back");
  add_common(*tokenize_command, *common);
  auto* no_special_flag = tokenize_command->add_flag("--no-special-tokens", *no_special, "leave out BOS and EOS");
  tokenize_command->add_flag("--decode", *decodes, "JSONL {\"ids\", \"skip_special\"} to texts")
      ->excludes(no_special_flag);
  tokenize_command->callback([=] { tokenize(*common, !*no_special, *decodes); });
  auto* render_command =
      app.add_subcommand("render", "JSONL {\"messages\", \"add_generation_prompt\"} to the prompt's text and ids");
  add_common(*render_command, *common);
  render_command->add_option("--template-date", common->template_date, "the date that templates see, YYYY-MM-DD");
  render_command->add_flag("--plain-content,!--no-plain-content", *plain_content,
                           "read control tokens within messages as plain text");
  render_command->callback([=] { render(*common, *plain_content); });
}

}  // namespace holdfast::apps
