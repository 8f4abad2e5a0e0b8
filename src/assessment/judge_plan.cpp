#include "assessment/judge_plan.h"

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "evaluation/judges/word_list.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;

std::string name_of_list(const std::string& path) { return evaluation::read_word_list(path).name(); }

// TOML's view of what a command line says: numbers are numbers, the rest is text.
std::string toml_value(const std::string& key, const std::string& value) {
  for (const char* number : {"concurrency", "attempts", "timeout_s", "first_wait_s", "max_usd",
                             "usd_per_million_prompt", "usd_per_million_output"}) {
    if (key == number) return value;
  }
  return nlohmann::json(value).dump();
}

}  // namespace

JudgePlan read_judge(Table& table) {
  JudgePlan judge;
  table.read("name", judge.name);
  table.read("kind", judge.kind);
  const bool is_list = judge.kind == "list", is_model = judge.kind == "model", is_endpoint = judge.kind == "endpoint";
  table.check(is_list || is_model || is_endpoint, "kind", "found a judge of kind '", judge.kind,
              "', expected list, model or endpoint");
  const auto with = [](const char* key) { return std::string("expected ") + key + " = \"...\""; };
  if (is_list) {
    table.read("file", judge.path);
    table.check(!judge.path.empty(), "file", "found a list without file, ", with("file"));
  }
  if (is_model || is_endpoint) {
    table.read("template", judge.judge_template);
    table.check(!judge.judge_template.empty(), "template",
                "found a judge without template, expected template = \"NAME or FILE\"; try harmbench-cls");
    table.read("model", judge.model);
    table.check(!judge.model.empty(), "model", "found a judge without model, ", with("model"));
  }
  if (is_model) {
    judge.path = std::exchange(judge.model, "");
    table.choose("precision", judge.precision, {"nf4", "bf16", "fp32"});
  }
  if (is_endpoint) {
    table.read("url", judge.url);
    table.check(judge.url.starts_with("http://") || judge.url.starts_with("https://"), "url", "found the url '",
                judge.url, "', expected http://... or https://...; try https://HOST/v1");
    table.read("key_variable", judge.key_variable);
    table.read("concurrency", judge.concurrency, 1, "requests");
    table.read("attempts", judge.attempts, 1);
    table.read("timeout_s", judge.timeout_s, 0.001, "seconds");
    table.read("first_wait_s", judge.first_wait_s, 0, "seconds");
    table.read("max_usd", judge.max_usd, 0, "US dollars");
    table.read("usd_per_million_prompt", judge.usd_per_million_prompt, 0, "US dollars per million tokens");
    table.read("usd_per_million_output", judge.usd_per_million_output, 0, "US dollars per million tokens");
    table.check(judge.max_usd == 0 || judge.usd_per_million_prompt > 0 || judge.usd_per_million_output > 0, "max_usd",
                "found max_usd without prices, expected usd_per_million_prompt and usd_per_million_output");
  }
  if (is_list || is_model || is_endpoint) table.end();
  return judge;
}

JudgePlan parse_judge_option(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    JudgePlan shipped;
    shipped.name = text;
    return shipped;
  }
  const std::string kind(text.substr(0, colon)), where = "[options] --judge " + std::string(text);
  std::vector<std::string> parts;
  for (std::string_view rest = text.substr(colon + 1);;) {
    const std::size_t comma = rest.find(',');
    parts.emplace_back(rest.substr(0, comma));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  const auto absolute = [](const std::string& path) { return fs::absolute(path).lexically_normal().string(); };
  std::string toml = "kind = " + nlohmann::json(kind).dump() + "\n", name;
  if (kind == "list") toml += "file = " + nlohmann::json(absolute(parts[0])).dump() + "\n";
  if (kind == "model") toml += "model = " + nlohmann::json(absolute(parts[0])).dump() + "\n";
  if (kind == "endpoint") toml += "url = " + nlohmann::json(parts[0]).dump() + "\n";
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    HOLDFAST_CHECK(kBadInput, equals != std::string::npos, where, ": found '", parts[i], "', expected key=value");
    std::string key = parts[i].substr(0, equals), value = parts[i].substr(equals + 1);
    if (key == "name") name = value;
    if (key == "template" && fs::exists(value)) value = absolute(value);
    toml += key + " = " + toml_value(key, value) + "\n";
  }
  toml::table table;
  try {
    table = toml::parse(toml);
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::kBadInput, where, ": found text that cannot be read (", error.description(),
         "), expected KIND:PATH,key=value,...");
  }
  Table reader(table, where, "--judge");
  JudgePlan judge = read_judge(reader);
  if (judge.kind == "list" && name.empty()) judge.name = name_of_list(judge.path);
  if (judge.kind == "model" && name.empty()) judge.name = (fs::path(judge.path) / "").parent_path().filename().string();
  if (judge.kind == "endpoint" && name.empty()) judge.name = judge.model;
  return judge;
}

std::string judge_toml(const JudgePlan& judge) {
  const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
  std::ostringstream toml;
  toml << "[[judge]]\nname = " << quoted(judge.name) << "\nkind = " << quoted(judge.kind) << "\n";
  if (judge.kind == "list") {
    toml << "file = " << quoted(judge.path) << "\n";
    return toml.str();
  }
  toml << "template = " << quoted(judge.judge_template) << "\n";
  if (judge.kind == "model") {
    toml << "model = " << quoted(judge.path) << "\nprecision = " << quoted(judge.precision) << "\n";
    return toml.str();
  }
  toml.precision(17);
  toml << "model = " << quoted(judge.model) << "\nurl = " << quoted(judge.url)
       << "\nkey_variable = " << quoted(judge.key_variable) << "\nconcurrency = " << judge.concurrency
       << "\nattempts = " << judge.attempts << std::showpoint << "\ntimeout_s = " << judge.timeout_s
       << "\nfirst_wait_s = " << judge.first_wait_s << "\nmax_usd = " << judge.max_usd
       << "\nusd_per_million_prompt = " << judge.usd_per_million_prompt
       << "\nusd_per_million_output = " << judge.usd_per_million_output << "\n";
  return toml.str();
}

}  // namespace holdfast::assessment
