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

void tokenize(const Common& common, bool adds_special, bool decodes) {
  apply_common(common);
  const auto tokenizer = text::Tokenizer::from_directory(common.model);
  text::JsonlReader reader(std::cin, "standard input");
  while (const auto record = reader.next()) {
    ordered_json line = carried(record->value);
    if (decodes) {
      const auto& ids = field(*record, "ids", "{\"ids\": [...]}");
      HOLDFAST_CHECK(
          kBadInput,
          ids.is_array() && std::all_of(ids.begin(), ids.end(), [](const auto& id) { return id.is_number_integer(); }),
          "[read] standard input:", record->line, ": found ids ", ids.dump().substr(0, 40),
          ", expected a list of whole numbers");
      line["text"] = tokenizer.decode(ids.get<std::vector<text::TokenId>>(), record->value.value("skip_special", true));
    } else {
      const auto& text = field(*record, "text", "{\"text\": \"...\"}");
      HOLDFAST_CHECK(kBadInput, text.is_string(), "[read] standard input:", record->line, ": found text ",
                     text.dump().substr(0, 40), ", expected a text");
      line["ids"] = tokenizer.encode(text.get<std::string>(), adds_special);
    }
    print_line(line);
  }
}

void render(const Common& common) {
  apply_common(common);
  const auto tokenizer = text::Tokenizer::from_directory(common.model);
  const auto chat = text::ChatTemplate::from_directory(common.model);
  text::JsonlReader reader(std::cin, "standard input");
  while (const auto record = reader.next()) {
    text::RenderOptions options;
    options.date = common.template_date;
    options.add_generation_prompt = record->value.value("add_generation_prompt", false);
    if (record->value.contains("tools")) options.tools = record->value["tools"];
    ordered_json line = carried(record->value);
    line["text"] = chat.render(field(*record, "messages", "{\"messages\": [...]}"), options);
    line["ids"] = tokenizer.encode(line["text"].get<std::string>(), false);
    print_line(line);
  }
}

}  // namespace

void add_text_commands(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto no_special = std::make_shared<bool>(false), decodes = std::make_shared<bool>(false);
  auto* tokenize_command = app.add_subcommand("tokenize", "JSONL {\"text\"} on standard input to token ids, or back");
  add_common(*tokenize_command, *common);
  tokenize_command->add_flag("--no-special-tokens", *no_special, "leave out BOS and EOS");
  tokenize_command->add_flag("--decode", *decodes, "JSONL {\"ids\", \"skip_special\"} to texts");
  tokenize_command->callback([=] { tokenize(*common, !*no_special, *decodes); });
  auto* render_command =
      app.add_subcommand("render", "JSONL {\"messages\", \"add_generation_prompt\"} to the prompt's text and ids");
  add_common(*render_command, *common);
  render_command->add_option("--template-date", common->template_date, "the date that templates see, YYYY-MM-DD");
  render_command->callback([=] { render(*common); });
}

}  // namespace holdfast::apps
