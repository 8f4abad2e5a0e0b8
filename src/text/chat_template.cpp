#include "text/chat_template.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "base/error.h"
#include "text/final_message.h"
#include "text/jinja_interpreter.h"
#include "text/jinja_parser.h"
#include "text/records.h"
#include "text/tokenizer_config.h"

namespace holdfast::text {
namespace {

using jinja::Arguments;
using jinja::Dict;
using jinja::Function;
using jinja::List;
using jinja::Value;

constexpr std::int64_t kMaxRange = 100'000;  // jinja2's sandbox has the same limit

std::tm parse_date(const std::string& date) {
  std::tm time{};
  char rest = 0;
  const bool is_good =
      date.size() == 10 && date.find_first_not_of("0123456789-") == std::string::npos &&
      std::sscanf(date.c_str(), "%4d-%2d-%2d%c", &time.tm_year, &time.tm_mon, &time.tm_mday, &rest) == 3 &&
      time.tm_mon >= 1 && time.tm_mon <= 12 && time.tm_mday >= 1 && time.tm_mday <= 31;
  HOLDFAST_CHECK(kBadInput, is_good, "[chat template] found the date '", date,
                 "', expected YYYY-MM-DD; try --template-date 2024-07-26");
  time.tm_year -= 1900;
  time.tm_mon -= 1;
  const std::tm given = time;
  timegm(&time);  // fills in the day of the week and year, and makes March of a 30th of February
  HOLDFAST_CHECK(kBadInput, time.tm_mday == given.tm_mday, "[chat template] found the date '", date,
                 "', expected one that is in the calendar");
  return time;
}

std::string format_date(const std::tm& time, const std::string& format) {
  if (format.empty()) return "";
  constexpr std::size_t kLongest = 1'000;
  HOLDFAST_CHECK(kBadInput, format.size() <= kLongest, "[chat template] found a date format of ", format.size(),
                 " bytes, expected at most ", kLongest);
  std::string text(format.size() * 16 + 64, '\0');
  text.resize(std::strftime(text.data(), text.size(), format.c_str(), &time));
  return text;
}

Value range(const Arguments& arguments) {
  std::int64_t begin = 0, end = 0, step = 1;
  const auto number = [&](std::size_t i) {
    HOLDFAST_CHECK(kBadInput, arguments.positional[i].is_integer(), "[chat template] found ",
                   arguments.positional[i].type_name(), " given to range, expected a whole number");
    return arguments.positional[i].integer();
  };
  const std::size_t count = arguments.positional.size();
  HOLDFAST_CHECK(kBadInput, count >= 1 && count <= 3, "[chat template] found range with ", count,
                 " arguments, expected 1 to 3");
  if (count == 1)
    end = number(0);
  else
    begin = number(0), end = number(1);
  if (count == 3) step = number(2);
  HOLDFAST_CHECK(kBadInput, step != 0, "[chat template] found range with step 0, expected another");
  List list;
  for (std::int64_t i = begin; step > 0 ? i < end : i > end;) {
    HOLDFAST_CHECK(kBadInput, static_cast<std::int64_t>(list.size()) < kMaxRange,
                   "[chat template] found a range of more than ", kMaxRange, " numbers, expected fewer");
    list.push_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return list;
}

Value named_values(const Arguments& arguments) {
  Dict dict;
  bool has_content_keys = false;
  for (const Value& from : arguments.positional) {
    if (from.is_dict()) dict = from.dict(), has_content_keys = from.has_content_keys();
  }
  for (const auto& [name, value] : arguments.named) dict.emplace_back(name, value);
  return Value::with_content_keys(std::move(dict), has_content_keys);
}

// Roles are the caller's, who chooses them from a few: templates make control tokens of them.
Value messages_value(const nlohmann::ordered_json& messages) {
  List list;
  for (const auto& message : messages) {
    Dict dict;
    for (const auto& [key, value] : message.items()) dict.emplace_back(key, Value::from_json(value, key != "role"));
    list.push_back(Value::with_content_keys(std::move(dict), true));
  }
  return list;
}

// What apply_chat_template does to messages before the template sees them: fields that are null go, and a reasoning
// text, whatever it is called, is there under the names that templates read.
nlohmann::ordered_json prepared(const nlohmann::ordered_json& messages) {
  HOLDFAST_CHECK(kBadInput, messages.is_array() && !messages.empty(), "[chat template] found ",
                 messages.is_array() ? "no messages" : "messages that are no list",
                 ", expected [{\"role\", \"content\"}]");
  auto out = nlohmann::ordered_json::array();
  for (const auto& message : messages) {
    HOLDFAST_CHECK(kBadInput, message.is_object(), "[chat template] found the message ",
                   message.is_structured() ? message.type_name() : message.dump(), ", expected an object");
    nlohmann::ordered_json reasoning;
    for (const char* name : {"reasoning_content", "thinking", "reasoning"}) {
      if (reasoning.is_null() && message.contains(name)) reasoning = message[name];
    }
    auto& copy = out.emplace_back(nlohmann::ordered_json::object());
    if (!reasoning.is_null()) copy["thinking"] = reasoning;
    for (const auto& [key, value] : message.items()) {
      if (!value.is_null()) copy[key] = value;
    }
    if (!reasoning.is_null()) copy["reasoning_content"] = reasoning;
  }
  return out;
}

}  // namespace

struct ChatTemplate::Program {
  jinja::Block block;
};

ChatTemplate::ChatTemplate(std::string source, std::string name, std::map<std::string, std::string> special_tokens)
    : source_(std::move(source)),
      name_(std::move(name)),
      special_tokens_(std::move(special_tokens)),
      program_(parse(source_, name_)) {}

std::unique_ptr<const ChatTemplate::Program> ChatTemplate::parse(const std::string& source, const std::string& name) {
  HOLDFAST_CHECK(kBadInput, is_valid_utf8(source), "[chat template] ", name,
                 ": found bytes that are no UTF-8 in the template, expected UTF-8");
  return std::make_unique<const Program>(Program{jinja::parse(source, name)});
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;

ChatTemplate ChatTemplate::from_directory(const std::filesystem::path& directory) {
  TokenizerConfig config = read_tokenizer_config(directory);
  HOLDFAST_CHECK(kBadFile, config.chat_template.has_value(), "[chat template] found none in ", directory.string(),
                 ", expected chat_template in tokenizer_config.json, or chat_template.jinja; is it a chat model?");
  ChatTemplate chat(
      std::move(*config.chat_template),
      directory.filename().empty() ? directory.parent_path().filename().string() : directory.filename().string(),
      std::move(config.special_tokens));
  if (config.tool_template) {
    chat.tool_source_ = *config.tool_template;
    chat.tool_program_ = parse(chat.tool_source_, chat.name_ + " (tool_use)");
  }
  return chat;
}

std::string ChatTemplate::render(const nlohmann::ordered_json& messages, const RenderOptions& options) const {
  return render_marked(messages, options).string();
}

MarkedText ChatTemplate::render_marked(const nlohmann::ordered_json& messages, const RenderOptions& options) const {
  std::map<std::string, Value> variables;
  for (const auto& [name, token] : special_tokens_) variables[name] = token;
  const bool has_tools = !options.tools.is_null() && tool_program_ != nullptr;
  nlohmann::ordered_json shown = prepared(messages);
  std::string final_text;
  if (!options.continue_field.empty()) {
    HOLDFAST_CHECK(kBadInput, !options.add_generation_prompt,
                   "[chat template] found both add_generation_prompt and continue_final_message, expected either");
    final_text = mark_final_message(shown, options.continue_field, has_tools ? tool_source_ : source_);
  }
  variables["messages"] = messages_value(shown);
  variables["add_generation_prompt"] = options.add_generation_prompt;
  variables["tools"] = Value::from_json(options.tools, true);
  variables["documents"] = jinja::None{};
  const std::tm date = parse_date(options.date);
  variables["strftime_now"] = Function([date](const Arguments& a) {
    const MarkedText format = jinja::to_text(a.get(0, "format"));
    return MarkedText(format_date(date, format.string()), format.has_content());
  });
  variables["raise_exception"] = Function([](const Arguments& a) -> Value {
    std::string message = jinja::to_text(a.get(0, "message")).string();
    std::replace_if(
        message.begin(), message.end(), [](unsigned char c) { return c < 0x20; }, ' ');
    fail(ErrorKind::kBadInput, "[chat template] found a conversation that the template refuses: ", message,
         "; expected one that it takes");
  });
  variables["range"] = Function(range);
  variables["namespace"] = Function([](const Arguments& a) { return Value::name_space(named_values(a).dict()); });
  variables["dict"] = Function([](const Arguments& a) { return named_values(a); });
  for (const auto& [name, value] : options.extra.items())
    variables[name] = Value::from_json(value, name == "documents");
  MarkedText text = jinja::run(has_tools ? tool_program_->block : program_->block, variables, name_);
  return options.continue_field.empty() ? text : before_mark(text, final_text);
}

}  // namespace holdfast::text
