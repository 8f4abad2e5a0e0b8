#include "evaluation/row_template.h"

#include "base/error.h"
#include "text/jinja_interpreter.h"
#include "text/python_regex.h"
#include "text/unicode.h"

namespace holdfast::evaluation {

namespace jinja = text::jinja;
using nlohmann::ordered_json;

namespace {

jinja::Value regex_replace(const jinja::Arguments& a) {
  const auto text_at = [&](std::size_t i, const char* name) { return jinja::to_text(a.get(i, name)).string(); };
  return jinja::Value(text::PythonRegex(text_at(1, "pattern")).replace_all(text_at(0, "string"), text_at(2, "repl")));
}

jinja::Value name_space(const jinja::Arguments& a) {
  jinja::Dict dict;
  for (const auto& [name, value] : a.named) dict.emplace_back(name, value);
  return jinja::Value::name_space(std::move(dict));
}

// The expression of a template that is nothing but one; else empty.
std::string only_expression(const std::string& source) {
  const std::string inner = text::strip_left(text::strip_right(source));
  if (!inner.starts_with("{{") || !inner.ends_with("}}") || inner.find("{%") != std::string::npos) return "";
  const std::string expression = inner.substr(2, inner.size() - 4);
  return expression.find("{{") == std::string::npos && expression.find("}}") == std::string::npos ? expression : "";
}

// As lm-evaluation-harness' templates: the newline at the end stays (the parser drops one).
std::shared_ptr<const jinja::Block> parse(const std::string& source, const std::string& name) {
  return std::make_shared<const jinja::Block>(jinja::parse(source + "\n", name));
}

}  // namespace

Row::Row(const ordered_json& columns, std::string where) : place(std::move(where)) {
  for (const auto& [name, value] : columns.items()) set(name, value);
  if (!columns.contains("cells")) set("cells", columns);
  values["regex_replace"] = jinja::Function(regex_replace);
  values["namespace"] = jinja::Function(name_space);
}

void Row::set(const std::string& name, const ordered_json& value) { values[name] = jinja::Value::from_json(value); }

RowTemplate::RowTemplate(const std::string& source, std::string name) : name_(std::move(name)) {
  text_ = parse(source, name_);
  if (const std::string expression = only_expression(source); !expression.empty())
    value_ = parse("{{ (" + expression + ") | tojson }}", name_);
}

std::string RowTemplate::run(const jinja::Block& block, const Row& row) const {
  try {
    return jinja::run(block, row.values, name_).string();
  } catch (const Error& error) {
    std::string message = error.what();
    if (const std::size_t at = message.find(": "); at != std::string::npos) message = message.substr(at + 2);
    fail(ErrorKind::kBadFile, row.place, ": ", message, " (", name_, "); is a column missing?");
  }
}

std::string RowTemplate::text(const Row& row) const {
  HOLDFAST_ASSERT(text_ != nullptr);
  return run(*text_, row);
}

ordered_json RowTemplate::value(const Row& row) const {
  if (value_ == nullptr) {
    const std::string written = text(row);
    const bool is_json = (written.starts_with('[') || written.starts_with('{')) && ordered_json::accept(written);
    return is_json ? ordered_json::parse(written) : ordered_json(written);
  }
  const std::string json = run(*value_, row);
  // Undefined has no JSON.
  HOLDFAST_CHECK(kBadFile, ordered_json::accept(json), row.place, ": found '", json.substr(0, 60), "' for ", name_,
                 ", expected a value; is a column missing?");
  return ordered_json::parse(json);
}

}  // namespace holdfast::evaluation
