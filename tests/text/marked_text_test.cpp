// Through everything that a template does to a text, what came from content stays marked, and nothing else is.
#include "text/marked_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "shared_data.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "text_files.h"

namespace holdfast::text {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Content stands in brackets.
std::string shown(const MarkedText& text) {
  std::string out;
  std::size_t done = 0;
  for (const auto& [begin, end] : text.content()) {
    out += text.string().substr(done, begin - done) + "[" + text.string().substr(begin, end - begin) + "]";
    done = end;
  }
  return out + text.string().substr(done);
}

struct Case {
  const char *source, *expected;
};

class Marks : public ::testing::TestWithParam<Case> {};

TEST_P(Marks, FollowTheCharactersOfContent) {
  const ordered_json messages = {
      {{"role", "user"}, {"content", " a<s>\xC3\xA9 "}, {"name", "x\"y"}, {"tags", {"p", "q"}}, {"map", {{"k", "v"}}}},
      {{"role", "assistant"}, {"content", {{{"type", "text"}, {"text", "b\nc"}}}}}};
  RenderOptions options;
  options.tools = {{{"name", "t"}}};
  options.extra["style"] = "s";
  options.extra["documents"] = {{{"text", "d"}}};
  const ChatTemplate chat(
      std::string("{% set c = messages[0].content %}{% set n = messages[0].name %}") + GetParam().source, "test",
      {{"bos_token", "<s>"}});
  EXPECT_EQ(shown(chat.render_marked(messages, options)), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Template, Marks,
    ::testing::Values(
        Case{"{{ bos_token }}{{ messages[0].role }}{{ c }}", "<s>user[ a<s>\xC3\xA9 ]"},
        Case{"{{ '<' ~ c | trim ~ '>' }} {{ '<' + c.strip() + '>' }}", "<[a<s>\xC3\xA9]> <[a<s>\xC3\xA9]>"},
        Case{"{{ ('-' + c.lstrip() + '-').strip('-') }}|{{ (' ' + n + ' ').rstrip() }}", "[a<s>\xC3\xA9 ]| [x\"y]"},
        Case{"{{ ('u' ~ c ~ 'v')[1:4] }}|{{ ('u' ~ n)[::-1] }}|{{ c[1] }}|{{ ('u' ~ n)[0] }}", "[ a<]|[y\"x]u|[a]|u"},
        Case{"{{ c | trim | upper }} {{ ('a' ~ n ~ 'b') | upper }} {{ ('A' ~ n) | lower }}",
             "[A<S>\xC3\x89] A[X\"Y]B a[x\"y]"},
        Case{"{{ n | title }} {{ n | capitalize }}", "[X\"Y] [X\"y]"},
        Case{"{{ c | replace('<s>', '(' ~ bos_token ~ ')') }}", "[ a](<s>)[\xC3\xA9 ]"},
        Case{"{{ 'x-y' | replace('-', n) }} {{ c.replace(' ', '') }}", "x[x\"y]y [a<s>\xC3\xA9]"},
        Case{"{{ n | tojson }} {{ {'k': n} | tojson }} {{ messages[0].map | tojson }}",
             "\"[x\\\"y]\" {\"k\": \"[x\\\"y]\"} {\"[k]\": \"[v]\"}"},
        Case{"{{ [n] }} {{ messages[0].map }} {{ {n: 1} }}", "['[x\"y]'] {'[k]': '[v]'} {'[x\"y]': 1}"},
        Case{"{{ n | e }} {{ ('<' | safe) + n }}", "[x&#34;y] <[x&#34;y]"},
        Case{"{% for p in c.split('<s>') %}{{ p }};{% endfor %}{{ c.split()[0] }}", "[ a];[\xC3\xA9 ];[a<s>\xC3\xA9]"},
        Case{"{{ ('1,' ~ n ~ ',2').split(',') | join('+') }}{{ ('1,' ~ n).rsplit(',', 1)[1] }}", "1+[x\"y]+2[x\"y]"},
        Case{"{% for x in n %}{{ x }}-{% endfor %}{{ n | reverse }} {{ n | list | join('.') }}",
             "[x]-[\"]-[y]-[y\"x] [x].[\"].[y]"},
        Case{"{% for k, v in messages[0].map.items() %}{{ k }}={{ v }}{% endfor %} {{ messages[0].map | dictsort }} "
             "{{ messages[0].map.keys() | list }}",
             "[k]=[v] [('[k]', '[v]')] ['[k]']"},
        Case{"{{ messages[0].tags | join(n) }} {{ n.join(['a', 'b']) }} {{ messages[0].tags | first }}",
             "[px\"yq] a[x\"y]b [p]"},
        Case{"{{ messages[1].content[0].text | indent(2) }}", "[b\n]  [c]"},
        Case{"{{ messages[1].content[0].text.splitlines() | join('/') }}", "[b]/[c]"},
        Case{"{% set ns = namespace(x='') %}{% for i in [1, 2] %}{% set ns.x = ns.x ~ n ~ i %}{% endfor %}{{ ns.x }}",
             "[x\"y]1[x\"y]2"},
        Case{"{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(n) }}{% set b %}({{ n }}){% endset %}{{ b }}",
             "<[x\"y]>([x\"y])"},
        Case{"{% filter upper %}a{{ n }}{% endfilter %}", "A[X\"Y]"},
        Case{"{{ n.removeprefix('x') }} {{ n.removesuffix('y') }} {{ n * 2 }} {{ n | default('d') }}",
             "[\"y] [x\"] [x\"yx\"y] [x\"y]"},
        Case{"{{ tools[0].name }} {{ tools | tojson }} {{ documents[0].text }} {{ style }}",
             "[t] [{\"[name]\": \"[t]\"}] [d] s"},
        Case{"{{ strftime_now('%Y') }}{{ dict(messages[0].map, a=1) }}{{ n | string | length }}",
             "2024{'[k]': '[v]', '[a]': 1}3"}));

// A tokenizer whose special tokens are also pieces of its model.
json tokenizer_file(const std::string& model) {
  const json all = json::parse(read_file(testing::source_directory() / "tests/golden/tokenizer_components.json"));
  json root = {{"model", all["models"][model]}};
  root["added_tokens"] = json::parse(R"([{"id": 1, "content": "</s>", "special": true, "normalized": false},
                                         {"id": 0, "content": "<unk>", "special": true, "normalized": false}])");
  if (model != "unigram") root["added_tokens"][0]["id"] = 2;
  return root;
}

MarkedText around(const std::string& before, const std::string& content, const std::string& after) {
  MarkedText text(before);
  text.append(content, true);
  text.append(after);
  return text;
}

TEST(PlainContent, GivesNoControlToken) {
  const Tokenizer tokenizer = Tokenizer::from_json(tokenizer_file("unigram").dump(), "test");
  const MarkedText text = around("the</s>", "a</s>", "t</s>");
  const Prompt plain = tokenizer.encode_prompt(text, true), as_library = tokenizer.encode_prompt(text, false);
  EXPECT_EQ(plain.control_tokens_in_content, 1u);
  EXPECT_EQ(as_library.control_tokens_in_content, 1u);
  EXPECT_EQ(as_library.ids, tokenizer.encode(text.string(), false));
  EXPECT_EQ(std::count(plain.ids.begin(), plain.ids.end(), 1), 2);
  EXPECT_EQ(std::count(as_library.ids.begin(), as_library.ids.end(), 1), 3);
}

// Neither the content alone nor the template alone holds the token's text.
TEST(PlainContent, GivesNoControlTokenThatIsHalfContent) {
  const Tokenizer tokenizer = Tokenizer::from_json(tokenizer_file("unigram").dump(), "test");
  for (const auto& text : {around("<", "/s", ">"), around("the<", "/s>a", ""), around("", "</s", ">")}) {
    const Prompt plain = tokenizer.encode_prompt(text, true);
    EXPECT_EQ(plain.control_tokens_in_content, 1u) << text.string();
    EXPECT_EQ(std::count(plain.ids.begin(), plain.ids.end(), 1), 0) << text.string();
  }
}

TEST(PlainContent, ChangesNothingWhereThereAreNoControlTokens) {
  for (const char* model : {"unigram", "sentence"}) {
    const Tokenizer tokenizer = Tokenizer::from_json(tokenizer_file(model).dump(), "test");
    const MarkedText text = around("the lan</s>", "tern, \xE2\x98\x83 ", "the</s>");
    const Prompt plain = tokenizer.encode_prompt(text, true);
    EXPECT_EQ(plain.control_tokens_in_content, 0u);
    EXPECT_EQ(plain.ids, tokenizer.encode(text.string(), false)) << model;
  }
}

// Tokens that are looked for behind the normaliser, which moves every place.
TEST(PlainContent, FollowsMarksThroughTheNormaliser) {
  json root = tokenizer_file("sentence");
  root["added_tokens"] = json::parse(R"([{"id": 2, "content": "</s>", "special": true, "normalized": true}])");
  root["normalizer"] = json::parse(R"({"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"})");
  const Tokenizer tokenizer = Tokenizer::from_json(root.dump(), "test");
  const std::string blanks(300, ' ');
  for (const auto& text : {around(blanks + "</s>", " </s> ", blanks + "</s> t</s>"), around("</s></s>", "</s>", "</s>"),
                           around("</s>  </s>", "</s>  ", "  </s>")}) {
    const Prompt plain = tokenizer.encode_prompt(text, true);
    EXPECT_EQ(plain.control_tokens_in_content, 1u) << text.string();
    EXPECT_EQ(std::count(plain.ids.begin(), plain.ids.end(), 2), 3) << text.string();
  }
}

}  // namespace
}  // namespace holdfast::text
