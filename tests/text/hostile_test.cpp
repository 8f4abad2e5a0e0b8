// Files and templates that are made to take forever, or all memory: each ends soon, in an answer or an Error.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace holdfast::text {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string times(const std::string& text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

template <typename Body>
void expect_soon(const std::string& name, const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  try {
    body();
  } catch (const Error&) {
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << name;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  EXPECT_LT(usage.ru_maxrss, 3 << 20) << name << ": kilobytes";
}

class RunawayTemplate : public ::testing::TestWithParam<const char*> {};

TEST_P(RunawayTemplate, EndsSoon) {
  const std::string setup =
      "{% set k = 'a' * 1000 %}{% set m = k * 1000 %}{% set many = range(100000) | list %}"
      "{% set d = namespace(x=[], y=[], s='') %}";
  expect_soon(GetParam(), [&] {
    ChatTemplate(setup + GetParam(), "test", {}).render({{{"role", "user"}, {"content", "hello"}}});
  });
}

INSTANTIATE_TEST_SUITE_P(
    Template, RunawayTemplate,
    ::testing::Values(
        "{% for i in range(10**9) %}{% endfor %}", "{{ 'a' * 10**9 }}", "{{ m * 10**6 }}",
        "{% for i in many %}{% for j in many %}{% endfor %}{% endfor %}",
        "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        "{% for i in many %}{% set d.x = d.x + [m ~ i] %}{% endfor %}",
        "{% for i in many %}{% set d.x = d.x + [(m ~ 'b').split('a')] %}{% endfor %}",
        "{% for i in range(190) %}{% set d.x = [d.x, d.x] %}{% set d.y = [d.y, d.y] %}{% endfor %}{{ d.x == d.y }}",
        "{% for i in range(190) %}{% set d.x = [d.x, d.x] %}{% endfor %}{{ d.x }}",
        "{% for i in range(190) %}{% set d.x = [d.x, d.x] %}{% endfor %}{{ d.x | tojson }}",
        "{% for i in range(190) %}{% set d.x = [d.x, d.x] %}{% set d.y = [d.y, d.y] %}{% endfor %}{{ d.x in [d.y] }}",
        "{% for i in range(16) %}{% set d.x = d.x + many %}{% endfor %}{{ (d.x | map('string') | list) | unique | list "
        "}}",
        "{% for i in many %}{% set d.x = d.x + [m] %}{% endfor %}{{ d.x | sort | length }}",
        "{% set l = [m, m, m, m, m, m, m, m] %}{% for i in range(12) %}{% set d.x = (d.x or l) + (d.x or l) %}{% "
        "endfor %}"
        "{{ d.x | sort | length }}{{ (m ~ 'b') in d.x }}{{ d.x | map('upper') | list | length }}",
        "{{ (m[:500000] ~ 'b') in m }}{{ m.replace(m[:500000] ~ 'b', '') | length }}{{ m.count(m[:500000] ~ 'b') }}",
        "{{ m.rsplit(m[:500000] ~ 'b') | length }}{{ m.rsplit('a') | length }}{{ m.replace('a', m) }}",
        "{{ m.replace('', m) }}", "{{ m | indent(1000) }}", "{{ (m | replace('a', '\\n')) | indent(1000) }}",
        "{{ strftime_now(m) }}", "{{ strftime_now('%c' * 400) | length }}", "{{ m | list | join(m) }}",
        "{{ (m * 60)[::2] | length }}", "{% for i in range(2000) %}{{ m | title | length }}{% endfor %}",
        "{{ ('\xC3\xA9' * 30000000)[::-1] | length }}", "{{ 2 ** 10 ** 9 }}",
        "{{ m | int }}{{ (('9' * 100000) | float) }}", "{% set x = many | map('list') %}",
        "{{ [m, m] | map('list') | list | length }}", "{% for i in many %}{{ m is in [m ~ 'c'] }}{% endfor %}"));

Tokenizer with(const char* part, const std::string& value) {
  const json all = json::parse(read_file(testing::source_directory() / "tests/golden/tokenizer_components.json"));
  json root = {{"model", all["models"]["sentence"]}};
  root[part] = json::parse(value);
  return Tokenizer::from_json(root.dump(), "test");
}

std::string sequence(const char* list, const std::string& step, int count) {
  std::string steps = step;
  for (int i = 1; i < count; ++i) steps += "," + step;
  return std::string(R"({"type": "Sequence", ")") + list + "\": [" + steps + "]}";
}

std::string split(const std::string& pattern) {
  return json({{"type", "Split"}, {"behavior", "Isolated"}, {"pattern", {{"Regex", pattern}}}}).dump();
}

TEST(HostileTokenizer, EndsSoon) {
  const std::string text = times("a", 300'000) + "!",
                    doubling = R"({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"})";
  const auto attempt = [&](const char* part, const std::string& value) {
    expect_soon(value.substr(0, 200), [&] {
      const Tokenizer tokenizer = with(part, value);
      tokenizer.encode(text);
      tokenizer.decode(std::vector<TokenId>(10'000, *tokenizer.token_to_id("a")), false);
    });
  };
  for (const char* pattern : {"(a+)+$", "(a|aa)+$", "(a*)*b", "a*a*a*a*a*b", "(?=(a+))a*b\\1", "(a?){30}a{30}b",
                              "(?:a|a)*b", "a*?b", "(?<=a*)b", "((a*)*)*b", "(?:(?:a{0,50}){0,50}){0,50}b"})
    attempt("pre_tokenizer", split(pattern));
  attempt("normalizer", sequence("normalizers", doubling, 40));
  attempt("normalizer", sequence("normalizers", R"({"type": "ByteLevel"})", 60));
  attempt("normalizer",
          R"({"type": "Replace", "pattern": {"Regex": "a*?"}, "content": ")" + times("x", 100'000) + "\"}");
  attempt("pre_tokenizer", sequence("pretokenizers", R"({"type": "ByteLevel", "use_regex": false})", 60));
  attempt("pre_tokenizer", sequence("pretokenizers", R"({"type": "Digits", "individual_digits": true})", 2'000));
  attempt("pre_tokenizer", R"({"type": "Metaspace", "replacement": ")" + times("x", 100'000) + "\"}");
  attempt("decoder", sequence("decoders", doubling, 40));
  attempt("added_tokens", R"([{"id": 900, "content": ")" + times("a", 200'000) + "b\"}]");
}

TEST(HostileTokenizer, OfLongPiecesEndsSoon) {
  json root = json::parse(R"({"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["b", -1.0]]}})");
  for (int i = 1; i <= 1000; ++i) root["model"]["vocab"].push_back(json::array({times("a", i), -0.5 * i}));
  expect_soon("Unigram", [&] { Tokenizer::from_json(root.dump(), "test").encode(times("a", 200'000)); });
}

// Patterns of real tokenizers stay within what a search may cost, whatever the text.
TEST(HostileText, IsCutByRealPatterns) {
  const std::string pattern =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const Tokenizer tokenizer = with("pre_tokenizer", split(pattern));
  for (const char* piece : {" ", "a", "!", "1", "\n", " \n", "a ", "! ", "\xE3\x80\x80", "\xCC\x81", "  a"})
    EXPECT_FALSE(tokenizer.encode(times(piece, 300'000)).empty()) << piece;
}

}  // namespace
}  // namespace holdfast::text
