#include "text/gguf_tokenizer.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/gguf_words.h"
#include "text/unicode.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

constexpr const char* kSpace = "\u2581";  // SentencePiece's

enum TokenType : std::int64_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4 };

// What the keys below tokenizer.ggml hold, checked.
class Vocabulary {
 public:
  explicit Vocabulary(const GgufFile& file) : data_(file.metadata()), where_("[tokenizer] " + file.path().string()) {
    for (const json& token : list("tokens")) {
      HOLDFAST_CHECK(kBadFile, token.is_string(), where_, ": found a token that is no text, expected texts");
      tokens_.push_back(token.get<std::string>());
    }
    for (const json& type : optional_list("token_type")) types_.push_back(whole(type, "token_type"));
    HOLDFAST_CHECK(kBadFile, types_.empty() || types_.size() == tokens_.size(), where_, ": found ", types_.size(),
                   " types of ", tokens_.size(), " tokens, expected one each; is the file damaged?");
  }

  const std::string& where() const { return where_; }
  const std::vector<std::string>& tokens() const { return tokens_; }
  std::int64_t type(std::size_t i) const { return types_.empty() ? kNormal : types_[i]; }

  json value(const char* key) const { return data_.value(std::string("tokenizer.ggml.") + key, json()); }
  std::string text_or(const char* key, const std::string& otherwise) const {
    const json found = value(key);
    HOLDFAST_CHECK(kBadFile, found.is_null() || found.is_string(), where_, ": found tokenizer.ggml.", key, " ",
                   found.dump().substr(0, 40), ", expected a text");
    return found.is_null() ? otherwise : found.get<std::string>();
  }
  bool boolean_or(const char* key, bool otherwise) const {
    const json found = value(key);
    HOLDFAST_CHECK(kBadFile, found.is_null() || found.is_boolean(), where_, ": found tokenizer.ggml.", key, " ",
                   found.dump().substr(0, 40), ", expected true or false");
    return found.is_null() ? otherwise : found.get<bool>();
  }
  const json& list(const char* key) const {
    const auto found = data_.find(std::string("tokenizer.ggml.") + key);
    HOLDFAST_CHECK(kBadFile, found != data_.end() && found->is_array(), where_, ": found no list tokenizer.ggml.", key,
                   ", expected one; is this the file of a language model?");
    return *found;
  }
  bool has(const char* key) const { return data_.contains(std::string("tokenizer.ggml.") + key); }
  const json& optional_list(const char* key) const {
    static const json kNone = json::array();
    return has(key) ? list(key) : kNone;
  }
  // The number of a token under "bos_token_id"; -1: none.
  std::int64_t id(const char* key) const {
    if (!has(key)) return -1;
    const std::int64_t id = whole(value(key), key);
    HOLDFAST_CHECK(kBadFile, id >= 0 && id < static_cast<std::int64_t>(tokens_.size()), where_,
                   ": found tokenizer.ggml.", key, " ", id, ", expected 0 .. ",
                   static_cast<std::int64_t>(tokens_.size()) - 1, "; is the file damaged?");
    return id;
  }

 private:
  std::int64_t whole(const json& number, const char* key) const {
    HOLDFAST_CHECK(kBadFile, number.is_number_integer() && std::abs(number.get<double>()) < 1e9, where_,
                   ": found tokenizer.ggml.", key, " with ", number.dump().substr(0, 40), ", expected whole numbers");
    return number.get<std::int64_t>();
  }

  const json& data_;
  std::string where_;
  std::vector<std::string> tokens_;
  std::vector<std::int64_t> types_;
};

constexpr const char* kNamed[] = {"bos_token_id", "eos_token_id", "unknown_token_id", "padding_token_id"};

// Control tokens, those that the keys name, and whole words that a user defined.
json added_tokens(const Vocabulary& vocabulary, const json& pieces) {
  std::set<std::int64_t> named;
  for (const char* key : kNamed) named.insert(vocabulary.id(key));
  json added = json::array();
  for (std::size_t i = 0; i < vocabulary.tokens().size(); ++i) {
    const bool is_special = vocabulary.type(i) == kControl || named.count(static_cast<std::int64_t>(i)) > 0;
    if (!is_special && vocabulary.type(i) != kUserDefined) continue;
    // Another spelling among the pieces says that it is one of them: Gemma's runs of spaces.
    const auto piece = pieces.find(vocabulary.tokens()[i]);
    if (piece == pieces.end() || *piece != i || vocabulary.tokens()[i].empty()) continue;
    added.push_back({{"id", i},
                     {"content", vocabulary.tokens()[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", is_special}});
  }
  return added;
}

json post_processor(const Vocabulary& vocabulary, bool adds_bos, bool adds_eos) {
  json single = json::array(), specials = json::object();
  const auto add = [&](const char* key) {
    const std::int64_t id = vocabulary.id(key);
    if (id < 0) return;
    const std::string& token = vocabulary.tokens()[static_cast<std::size_t>(id)];
    single.push_back({{"SpecialToken", {{"id", token}, {"type_id", 0}}}});
    specials[token] = {{"id", token}, {"ids", json::array({id})}, {"tokens", json::array({token})}};
  };
  if (adds_bos) add("bos_token_id");
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (adds_eos) add("eos_token_id");
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", json::array()}, {"special_tokens", specials}};
}

json merges_of_file(const Vocabulary& vocabulary) {
  json merges = json::array();
  for (const json& merge : vocabulary.list("merges")) {
    const std::string text = merge.is_string() ? merge.get<std::string>() : "";
    const std::size_t space = text.find(' ', 1);
    HOLDFAST_CHECK(kBadFile, space != std::string::npos && text.find(' ', space + 1) == std::string::npos,
                   vocabulary.where(), ": found the merge ", merge.dump().substr(0, 60),
                   ", expected two pieces with a space between; is the file damaged?");
    merges.push_back(json::array({text.substr(0, space), text.substr(space + 1)}));
  }
  return merges;
}

// SentencePiece's BPE merges what gives the piece of the best score; of pieces alike, the longer left part goes first.
json merges_by_score(const std::vector<std::string>& tokens, const std::vector<double>& scores) {
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t i = 0; i < tokens.size(); ++i) ids[tokens[i]] = i;
  struct Merge {
    double score;
    std::size_t left_length, right_length;  // in characters
    std::size_t token, cut;
  };
  std::vector<Merge> merges;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string_view token = tokens[i];
    if (ids.at(token) != i) continue;
    std::vector<std::size_t> cuts;
    for (std::size_t cut = 1; cut < token.size(); ++cut) {
      const bool is_between_characters = (static_cast<unsigned char>(token[cut]) & 0xC0) != 0x80;
      if (is_between_characters && ids.count(token.substr(0, cut)) > 0 && ids.count(token.substr(cut)) > 0)
        cuts.push_back(cut);
    }
    if (cuts.empty()) continue;
    const std::size_t length = count_code_points(token);
    for (const std::size_t cut : cuts) {
      const std::size_t left = count_code_points(token.substr(0, cut));
      merges.push_back({scores[i], left, length - left, i, cut});
    }
  }
  std::stable_sort(merges.begin(), merges.end(), [](const Merge& a, const Merge& b) {
    return std::tie(b.score, b.left_length, b.right_length) < std::tie(a.score, a.left_length, a.right_length);
  });
  json out = json::array();
  for (const Merge& merge : merges) {
    const std::string& token = tokens[merge.token];
    out.push_back(json::array({token.substr(0, merge.cut), token.substr(merge.cut)}));
  }
  return out;
}

json sequence(const char* key, json steps) { return {{"type", "Sequence"}, {key, std::move(steps)}}; }
json replace(const char* from, const char* to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

struct Shape {
  json normalizer, pre_tokenizer;
  bool strips_first_space = true;
};

// Where the space before a text comes from is not in the file, but a matter of the family.
Shape shape_of(const std::string& architecture, bool adds_space) {
  if (architecture.starts_with("gemma"))
    return {replace(" ", kSpace),
            {{"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "MergedWithPrevious"}, {"invert", false}},
            false};
  if (architecture == "phi3" && adds_space)
    return {
        sequence("normalizers", json::array({json{{"type", "Prepend"}, {"prepend", kSpace}}, replace(" ", kSpace)})),
        json()};
  return {json(),
          {{"type", "Metaspace"},
           {"replacement", kSpace},
           {"prepend_scheme", adds_space ? "first" : "never"},
           {"split", false}},
          adds_space};
}

json sentencepiece(const Vocabulary& vocabulary, const std::string& architecture) {
  std::vector<std::string> tokens = vocabulary.tokens();
  const bool is_gemma = architecture.starts_with("gemma");
  if (is_gemma) {
    // Several spaces stand in the file as such, and in the pieces as SentencePiece's.
    for (std::string& token : tokens) {
      if (token.find_first_not_of(' ') != std::string::npos) continue;
      std::string spaces;
      for (std::size_t i = 0; i < token.size(); ++i) spaces += kSpace;
      token = spaces;
    }
  }
  std::vector<double> scores;
  if (is_gemma) {
    // Gemma's scores do not follow the order of its merges; the pieces' order does.
    for (std::size_t i = 0; i < tokens.size(); ++i) scores.push_back(-static_cast<double>(i));
  } else if (!vocabulary.has("merges")) {
    for (const json& score : vocabulary.list("scores")) scores.push_back(score.is_number() ? score.get<double>() : 0);
    HOLDFAST_CHECK(kBadFile, scores.size() == tokens.size(), vocabulary.where(), ": found ", scores.size(),
                   " scores of ", tokens.size(), " tokens, expected one each; is the file damaged?");
  }
  json ids = json::object();
  for (std::size_t i = 0; i < tokens.size(); ++i) ids[tokens[i]] = i;
  const std::int64_t unknown = vocabulary.id("unknown_token_id");
  const Shape shape = shape_of(architecture, vocabulary.boolean_or("add_space_prefix", true));
  json decoders = json::array({replace(kSpace, " "), json{{"type", "ByteFallback"}}, json{{"type", "Fuse"}}});
  if (shape.strips_first_space) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  json root = {{"normalizer", shape.normalizer},
               {"pre_tokenizer", shape.pre_tokenizer},
               {"decoder", sequence("decoders", decoders)},
               {"post_processor", post_processor(vocabulary, vocabulary.boolean_or("add_bos_token", true),
                                                 vocabulary.boolean_or("add_eos_token", false))},
               {"model",
                {{"type", "BPE"},
                 {"unk_token", unknown < 0 ? json() : json(tokens[static_cast<std::size_t>(unknown)])},
                 {"fuse_unk", true},
                 {"byte_fallback", true},
                 {"ignore_merges", false}}}};
  // A list in braces would be copied.
  root["model"]["vocab"] = std::move(ids);
  root["model"]["merges"] =
      vocabulary.has("merges") && !is_gemma ? merges_of_file(vocabulary) : merges_by_score(tokens, scores);
  return root;
}

json byte_level(const Vocabulary& vocabulary) {
  const GgufWords words = gguf_words(vocabulary.text_or("pre", "default"), vocabulary.where());
  json ids = json::object();
  for (std::size_t i = 0; i < vocabulary.tokens().size(); ++i) {
    // Added tokens are found in the text as they are; all others are spelled in the alphabet of bytes.
    const std::string& token = vocabulary.tokens()[i];
    const std::vector<std::int32_t> points = code_points(token);
    const bool is_spelled = std::all_of(points.begin(), points.end(),
                                        [](std::int32_t point) { return character_to_byte(point).has_value(); });
    const bool is_added = vocabulary.type(i) == kControl || vocabulary.type(i) == kUserDefined;
    ids[is_spelled || is_added ? token : bytes_to_characters(token)] = i;
  }
  json root = {
      {"normalizer", words.normalizer},
      {"pre_tokenizer", words.pre_tokenizer},
      {"decoder", {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}}},
      {"post_processor", post_processor(vocabulary, vocabulary.boolean_or("add_bos_token", words.adds_bos),
                                        vocabulary.boolean_or("add_eos_token", false))},
      {"model",
       {{"type", "BPE"},
        {"unk_token", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", words.ignore_merges}}}};
  root["model"]["vocab"] = std::move(ids);
  root["model"]["merges"] = merges_of_file(vocabulary);
  return root;
}

std::string text_of(const json& metadata, const char* key) {
  const json found = metadata.value(key, json());
  return found.is_string() ? found.get<std::string>() : "";
}

}  // namespace

json gguf_tokenizer(const GgufFile& file) {
  const Vocabulary vocabulary(file);
  const std::string kind = vocabulary.text_or("model", "");
  HOLDFAST_CHECK(kBadFile, kind == "llama" || kind == "gpt2", vocabulary.where(), ": found tokenizer.ggml.model '",
                 kind, "', expected llama or gpt2; other kinds are not supported");
  json root = kind == "llama" ? sentencepiece(vocabulary, text_of(file.metadata(), "general.architecture"))
                              : byte_level(vocabulary);
  root["version"] = "1.0";
  root["added_tokens"] = added_tokens(vocabulary, root["model"]["vocab"]);
  return root;
}

TokenizerConfig gguf_tokenizer_config(const GgufFile& file) {
  TokenizerConfig config;
  if (!file.metadata().contains("tokenizer.ggml.tokens")) return config;
  const Vocabulary vocabulary(file);
  constexpr const char* kNames[] = {"bos_token", "eos_token", "unk_token", "pad_token"};
  for (std::size_t i = 0; i < std::size(kNamed); ++i) {
    const std::int64_t id = vocabulary.id(kNamed[i]);
    if (id >= 0) config.special_tokens[kNames[i]] = vocabulary.tokens()[static_cast<std::size_t>(id)];
  }
  if (const std::string chat = text_of(file.metadata(), "tokenizer.chat_template"); !chat.empty())
    config.chat_template = chat;
  if (const std::string tools = text_of(file.metadata(), "tokenizer.chat_template.tool_use"); !tools.empty())
    config.tool_template = tools;
  return config;
}

}  // namespace holdfast::text
