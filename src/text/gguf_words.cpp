#include "text/gguf_words.h"

#include <span>
#include <string_view>

#include "base/error.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kGpt4o =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

json byte_level(bool cuts_words) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", cuts_words}};
}

json sequence(json first, json second) {
  return {{"type", "Sequence"}, {"pretokenizers", json::array({std::move(first), std::move(second)})}};
}

json split(const char* pattern) {
  return sequence({{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}},
                  byte_level(false));
}

json digits_apart() { return sequence({{"type", "Digits"}, {"individual_digits", true}}, byte_level(true)); }

struct Rule {
  std::string_view name;
  const char* pattern;  // null: GPT-2's words
  bool is_nfc = false, ignore_merges = false, adds_bos = false, has_digits_apart = false;
};
constexpr Rule kRules[] = {
    {.name = "default", .pattern = nullptr},
    {.name = "gpt-2", .pattern = nullptr},
    {.name = "olmo", .pattern = nullptr},
    {.name = "phi-2", .pattern = nullptr},
    {.name = "smollm", .pattern = nullptr, .has_digits_apart = true},
    {.name = "starcoder", .pattern = nullptr, .has_digits_apart = true},
    {.name = "refact", .pattern = nullptr, .has_digits_apart = true},
    {.name = "llama3", .pattern = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "llama-v3", .pattern = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "llama-bpe", .pattern = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "falcon3", .pattern = kLlama3, .ignore_merges = true, .adds_bos = true},
    {.name = "dbrx", .pattern = kLlama3},
    {.name = "smaug-bpe", .pattern = kLlama3},
    {.name = "qwen2", .pattern = kQwen2, .is_nfc = true},
    {.name = "deepseek-r1-qwen", .pattern = kQwen2, .is_nfc = true},
    {.name = "megrez", .pattern = kQwen2, .is_nfc = true},
    {.name = "tekken", .pattern = kTekken, .ignore_merges = true},
    {.name = "gpt-4o", .pattern = kGpt4o},
};

}  // namespace

GgufWords gguf_words(const std::string& name, const std::string& where) {
  std::string known;
  for (const Rule& rule : kRules) {
    if (rule.name == name) {
      return {.normalizer = rule.is_nfc ? json{{"type", "NFC"}} : json(),
              .pre_tokenizer = rule.pattern != nullptr ? split(rule.pattern)
                               : rule.has_digits_apart ? digits_apart()
                                                       : byte_level(true),
              .ignore_merges = rule.ignore_merges,
              .adds_bos = rule.adds_bos};
    }
    known += (known.empty() ? "" : ", ") + std::string(rule.name);
  }
  fail(ErrorKind::kBadFile, where, ": found tokenizer.ggml.pre '", name, "', expected one of ", known,
       "; try the model's directory with its tokenizer.json");
}

}  // namespace holdfast::text
