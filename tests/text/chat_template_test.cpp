// Jinja constructs, each alone, render as transformers renders them: scripts/golden/chat_template.py.
#include "text/chat_template.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"
#include "text_files.h"

namespace holdfast::text {
namespace {

using nlohmann::ordered_json;
using testing::TemporaryDirectory;

const ordered_json kHello = {{{"role", "user"}, {"content", "hello"}}};

std::string render(const std::string& source, const ordered_json& messages = kHello,
                   const RenderOptions& options = {}) {
  return ChatTemplate(source, "test", {{"bos_token", "<s>"}, {"eos_token", "</s>"}}).render(messages, options);
}

// The one line that refuses a template.
std::string refusal(const std::string& source, const ordered_json& messages = kHello) {
  try {
    const std::string text = render(source, messages);
    ADD_FAILURE() << source.substr(0, 200) << " gave " << text.substr(0, 200);
  } catch (const Error& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("[chat template] ")) << error.what();
    return error.what();
  }
  return "";
}

TEST(ChatTemplate, RendersEachConstructAsTransformersDoes) {
  const auto golden = ordered_json::parse(read_file(testing::source_directory() / "tests/golden/chat_template.json"));
  RenderOptions options;
  options.tools = golden["tools"];
  for (const auto& row : golden["rows"]) {
    const auto source = row[0].get<std::string>();
    SCOPED_TRACE(source);
    if (row[1].is_null()) {
      EXPECT_THROW(render(source, golden["messages"], options), Error);
      continue;
    }
    try {
      EXPECT_EQ(render(source, golden["messages"], options), row[1].get<std::string>());
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

TEST(ChatTemplate, TheDateIsAnOptionWithAFixedDefault) {
  EXPECT_EQ(render("{{ strftime_now('%d %b %Y') }}"), "26 Jul 2024");
  RenderOptions options;
  options.date = "2023-02-28";
  EXPECT_EQ(render("{{ strftime_now('%A %j') }}", kHello, options), "Tuesday 059");
  for (const char* date : {"2023-02-29", "2023-13-01", "2023-1-1", "tomorrow", "", "2023-02-28x"}) {
    options.date = date;
    EXPECT_THROW(render("x", kHello, options), Error) << date;
  }
}

TEST(ChatTemplate, ErrorsNameTheTemplateAndTheLine) {
  EXPECT_NE(refusal("a\nb\n{{ nothing.more }}").find("test:3: found 'nothing' undefined"), std::string::npos);
  EXPECT_NE(refusal("\n{% if true %}").find("test:2:"), std::string::npos);
  EXPECT_NE(refusal("{{ raise_exception('roles must alternate') }}").find("roles must alternate"), std::string::npos);
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

struct Hostile {
  const char* name;
  std::string source;
};

class HostileTemplate : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileTemplate, EndsInOneErrorAndSoon) { refusal(GetParam().source); }

INSTANTIATE_TEST_SUITE_P(
    ChatTemplate, HostileTemplate,
    ::testing::Values(
        Hostile{"Parentheses", "{{ " + repeated("(", 10'000) + "1" + repeated(")", 10'000) + " }}"},
        Hostile{"Brackets", "{{ " + repeated("[", 100'000) + " }}"},
        Hostile{"Minuses", "{{ " + repeated("-", 100'000) + "1 }}"},
        Hostile{"Nots", "{{ " + repeated("not ", 100'000) + "1 }}"},
        Hostile{"LongSum", "{{ 1" + repeated(" + 1", 200'000) + " }}"},
        Hostile{"LongFilters", "{{ 'a'" + repeated(" | trim", 200'000) + " }}"},
        Hostile{"LongAttributes", "{{ messages" + repeated(".a", 200'000) + " }}"},
        Hostile{"LongCalls", "{{ range" + repeated("(1)", 200'000) + " }}"},
        Hostile{"LongConditions", "{{ 1" + repeated(" if 1 else 2", 100'000) + " }}"},
        Hostile{"ManyElifs", "{% if 0 %}" + repeated("{% elif 0 %}", 100'000) + "{% endif %}"},
        Hostile{"DeepBlocks", repeated("{% if 1 %}", 100'000)},
        Hostile{"DeepLoops", repeated("{% for i in range(1000) %}", 100) + "x" + repeated("{% endfor %}", 100)},
        Hostile{"EmptyLoops", "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"},
        Hostile{"LongRange", "{% for i in range(10**9) %}{% endfor %}"},
        Hostile{"RangeOfHugeSteps", "{{ range(0, 2**62, 2**61) | list | length // 0 }}"},
        Hostile{"MacroThatCallsItself", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"},
        Hostile{"TextThatDoubles",
                "{% set ns = namespace(s='ab') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}"},
        Hostile{"ListThatDoubles",
                "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"},
        Hostile{"ListThatDeepens",
                "{% set ns = namespace(s=[]) %}{% for i in range(100000) %}{% set ns.s = [ns.s] %}{% endfor %}"},
        Hostile{"NamespaceInItself", "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}"},
        Hostile{"NamespaceInAListInItself", "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns.a }}"},
        Hostile{"MacroThatOutlivesItsLoop",
                "{% set ns = namespace() %}{% for i in [1] %}{% macro f() %}{{ i }}{% endmacro %}{% set ns.f = f %}{% "
                "endfor %}{{ ns.f() }}"},
        Hostile{"RepeatedText", "{{ 'abcdefgh' * 10**17 }}"},
        Hostile{"ReplacedByMore", "{% set a = 'a' * 1000000 %}{{ a | replace('a', a) }}"},
        Hostile{"JoinedByMore", "{% set a = 'a' * 1000000 %}{{ range(1000) | join(a) }}"},
        Hostile{"HugePower", "{{ 3 ** 10**17 }}"}, Hostile{"NumberTooLong", "{{ 99999999999999999999 }}"},
        Hostile{"PowerOverflows", "{{ 2 ** 63 }}"}, Hostile{"IntOfInfinity", "{{ 1e999 | int }}"},
        Hostile{"UndefinedAsNumber", "{{ x | abs }}"}, Hostile{"TextAsNumber", "{{ 'a' is odd }}"},
        Hostile{"NumberAsList", "{{ 5 | join }}"}, Hostile{"NumberAsDict", "{{ 5 | dictsort }}"},
        Hostile{"RoundOfText", "{{ 'a' | round }}"}, Hostile{"IndentOfNone", "{{ 'a' | indent(none) }}"},
        Hostile{"SplitAtNumber", "{{ 'a'.split(1) }}"}, Hostile{"SortByNumber", "{{ [1, 2] | sort(attribute=1.5) }}"},
        Hostile{"MapByLongNumber", "{{ [[1]] | map(attribute='99999999999999999999.a') | list | first + 1 }}"},
        Hostile{"SumOfTexts", "{{ ['a'] | sum }}"}, Hostile{"NoUtf8", "a\xFF{{ 1 }}"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ChatTemplate, PowersOfOneEndAtOnce) {
  EXPECT_EQ(render("{{ 1 ** 10**17 }} {{ (-1) ** (10**17 + 1) }} {{ 0 ** 10**17 }} {{ '' * 10**17 }}"), "1 -1 0 ");
}

TEST(ChatTemplate, DeepDataIsRefused) {
  ordered_json deep = 1;
  for (int i = 0; i < 300; ++i) deep = ordered_json::array({deep});
  refusal("{{ messages }}", {{{"role", "user"}, {"content", deep}}});
  refusal("{{ messages }}", ordered_json::array());
  refusal("{{ messages }}", {"hello"});
  refusal("{{ messages }}", "hello");
  refusal("{{ messages }}", {{{"role", "user"}, {"n", 1ull << 63}}});
}

TEST(ChatTemplate, ComesFromTheFileBesideTheConfiguration) {
  const TemporaryDirectory directory;
  directory.write(
      "tokenizer_config.json",
      R"({"bos_token": {"content": "<b>"}, "chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "{{ bos_token }}d"}]})");
  RenderOptions with_tools;
  with_tools.tools = ordered_json::array();
  EXPECT_EQ(ChatTemplate::from_directory(directory.path()).render(kHello), "<b>d");
  EXPECT_EQ(ChatTemplate::from_directory(directory.path()).render(kHello, with_tools), "t");
  directory.write("chat_template.jinja", "{{ bos_token }}f\n");
  EXPECT_EQ(ChatTemplate::from_directory(directory.path()).render(kHello), "<b>f");
}

TEST(ChatTemplate, DamagedConfigurationsAreRefused) {
  const TemporaryDirectory directory;
  for (const char* config :
       {"", "[]", "{\"chat_template\": 5}", "{\"chat_template\": [{\"name\": 5, \"template\": \"x\"}]}",
        "{\"chat_template\": [{\"name\": \"default\"}]}", "{\"chat_template\": [5]}", "{\"chat_template\": \"{% if\"}",
        "{\"chat_template\": \"x\"", "{}"}) {
    directory.write("tokenizer_config.json", config);
    EXPECT_THROW(ChatTemplate::from_directory(directory.path()), Error) << config;
  }
}

}  // namespace
}  // namespace holdfast::text
