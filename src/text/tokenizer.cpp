#include "text/tokenizer.h"

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/error.h"
#include "base/files.h"
#include "base/gguf.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/decoder.h"
#include "text/gguf_tokenizer.h"
#include "text/json_shape.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/unicode.h"

namespace holdfast::text {
namespace {

using nlohmann::json;

constexpr TokenId kTokenIdEnd = 1 << 30;  // no id is this or more

// What the post-processor puts before and after the text.
struct Frame {
  std::vector<TokenId> before, after;
};

TokenId checked_id(const json& id, const std::string& what, const std::string& where) {
  HOLDFAST_CHECK(kBadFile, id.is_number_integer() && id.get<double>() >= 0 && id.get<double>() < kTokenIdEnd, where,
                 ": found id ", id.dump().substr(0, 40), " for ", what, ", expected a whole number from 0 up to ",
                 kTokenIdEnd - 1);
  return id.get<TokenId>();
}

TokenId special_id(const json& specials, const std::string& name, const std::string& where) {
  HOLDFAST_CHECK(kBadFile,
                 specials.contains(name) && specials[name].contains("ids") && specials[name]["ids"].is_array() &&
                     specials[name]["ids"].size() == 1,
                 where, ": found no single id for special token '", name, "' of the post-processor, expected one");
  return checked_id(specials[name]["ids"][0], "special token '" + name + "'", where);
}

void read_post_processor(const json& description, const std::string& where, Frame& frame) {
  if (description.is_null()) return;
  const std::string type = description.value("type", "");
  if (type == "Sequence") {
    for (const json& step : description.at("processors")) read_post_processor(step, where, frame);
  } else if (type == "TemplateProcessing") {
    bool is_before = true;
    for (const json& part : description.at("single")) {
      if (part.contains("Sequence"))
        is_before = false;
      else
        (is_before ? frame.before : frame.after)
            .push_back(special_id(description.at("special_tokens"), part.at("SpecialToken").at("id").get<std::string>(),
                                  where));
    }
  } else if (type == "RobertaProcessing" || type == "BertProcessing") {
    frame.before.push_back(checked_id(description.at("cls").at(1), "cls", where));
    frame.after.insert(frame.after.begin(), checked_id(description.at("sep").at(1), "sep", where));
  } else {
    // ByteLevel only trims offsets, which we do not give.
    HOLDFAST_CHECK(kBadFile, type == "ByteLevel", where, ": found post-processor '", type,
                   "', which is not supported; this tokenizer cannot be used yet");
  }
}

AddedToken read_added_token(const json& value, const std::string& where) {
  HOLDFAST_CHECK(kBadFile,
                 value.is_object() && value.contains("id") && value.contains("content") && value["content"].is_string(),
                 where, ": found added token ", value.dump().substr(0, 60), ", expected id and content");
  const std::string content = value["content"].get<std::string>();
  return {checked_id(value["id"], "added token '" + content + "'", where),
          content,
          value.value("special", false),
          value.value("lstrip", false),
          value.value("rstrip", false),
          value.value("single_word", false),
          value.value("normalized", true)};
}

}  // namespace

struct Tokenizer::State {
  State(const json& root, const std::string& where)
      : bpe(root.at("model"), where),
        normalize(make_normalizer(root.value("normalizer", json()), where)),
        pre_tokenize(make_pre_tokenizer(root.value("pre_tokenizer", json()), where)),
        decode(make_piece_decoder(root.value("decoder", json()), where)) {
    read_post_processor(root.value("post_processor", json()), where, frame);
    for (const auto& [piece, id] : bpe.vocabulary()) {
      const auto [place, is_first] = pieces.emplace(id, piece);
      HOLDFAST_CHECK(kBadFile, is_first, where, ": found id ", id, " for the pieces '", std::min(piece, place->second),
                     "' and '", std::max(piece, place->second), "', expected an id for each");
    }
    for (const json& value : root.value("added_tokens", json::array())) {
      const AddedToken& token = added.emplace_back(read_added_token(value, where));
      check_is_consistent(token, where);
      by_content[token.content] = &token;
      by_id[token.id] = &token;
      pieces[token.id] = token.content;
      // The library normalises such a token's own text before it looks for it.
      if (token.normalized) {
        AddedToken& pattern = patterns.emplace_back(token);
        pattern.content = normalize(token.content);
        after_normalizer.add(&pattern);
        pieces[token.id] = pattern.content;
      } else {
        before_normalizer.add(&token);
      }
    }
  }

  // What stands for an id, and the id of a text, is the same throughout the file.
  void check_is_consistent(const AddedToken& token, const std::string& where) const {
    const auto piece = pieces.find(token.id);
    const auto other = by_id.find(token.id);
    const std::string& named = other != by_id.end()    ? other->second->content
                               : piece != pieces.end() ? piece->second
                                                       : token.content;
    HOLDFAST_CHECK(kBadFile, named == token.content, where, ": found id ", token.id, " for added token '",
                   token.content, "' and for '", named, "', expected an id for each");
    const auto id = by_content.count(token.content) > 0 ? by_content.at(token.content)->id
                                                        : bpe.id(token.content).value_or(token.id);
    HOLDFAST_CHECK(kBadFile, id == token.id, where, ": found added token '", token.content, "' with the ids ", id,
                   " and ", token.id, ", expected one");
  }

  void encode_ordinary(const std::string& normalised, bool is_first, std::vector<TokenId>& ids) const {
    for (const Piece& piece : after_normalizer.split(normalised)) {
      if (piece.token >= 0) {
        ids.push_back(piece.token);
      } else {
        for (const Word& word : pre_tokenize({{std::string(piece.text), is_first}})) bpe.encode(word.text, ids);
      }
      is_first = false;
    }
  }

  Bpe bpe;
  Normalizer normalize;
  PreTokenizer pre_tokenize;
  PieceDecoder decode;
  Frame frame;
  std::deque<AddedToken> added, patterns;
  std::unordered_map<std::string, const AddedToken*> by_content;
  std::unordered_map<TokenId, const AddedToken*> by_id;
  std::unordered_map<TokenId, std::string> pieces;
  AddedTokenMatcher before_normalizer, after_normalizer;
};

Tokenizer::Tokenizer(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::from_directory(const std::filesystem::path& directory) {
  if (const auto gguf = find_gguf(directory))
    return from_json(gguf_tokenizer(GgufFile(*gguf)), "[tokenizer] " + gguf->string());
  const auto path = directory / "tokenizer.json";
  HOLDFAST_CHECK(kBadFile, std::filesystem::exists(path), "[tokenizer] found no tokenizer.json in ", directory.string(),
                 ", expected one; try saving the tokenizer with transformers' save_pretrained");
  return from_file(path);
}

bool Tokenizer::is_in(const std::filesystem::path& directory) {
  if (const auto gguf = find_gguf(directory)) return GgufFile(*gguf).metadata().contains("tokenizer.ggml.tokens");
  return std::filesystem::exists(directory / "tokenizer.json");
}

Tokenizer Tokenizer::from_file(const std::filesystem::path& path) {
  const std::string where = "[tokenizer] " + path.string(), text = read_file(path);
  check_json_shape(text, where, {.keys = 1 << 24});
  return from_json(json::parse(text, nullptr, false), where);
}

Tokenizer Tokenizer::from_json(const json& root, const std::string& where) {
  HOLDFAST_CHECK(kBadFile, root.is_object() && root.contains("model"), where,
                 ": found no JSON object with a model, expected a tokenizer.json; is the download complete?");
  try {
    const std::string type = root["model"].value("type", "BPE");
    HOLDFAST_CHECK(kBadFile, type == "BPE", where, ": found a model of type '", type,
                   "', expected BPE; other kinds are not supported yet");
    return Tokenizer(std::make_unique<const State>(root, where));
  } catch (const json::exception& error) {
    fail(ErrorKind::kBadFile, where, ": found a part of another shape than expected (", error.what(),
         "); is the file damaged?");
  }
}

std::vector<TokenId> Tokenizer::encode(std::string_view raw, bool add_special_tokens) const {
  const std::string text = repair_utf8(raw);
  std::vector<TokenId> ids;
  if (add_special_tokens) ids = state_->frame.before;
  bool is_first = true;
  for (const Piece& piece : state_->before_normalizer.split(text)) {
    if (piece.token >= 0)
      ids.push_back(piece.token);
    else
      state_->encode_ordinary(state_->normalize(std::string(piece.text)), is_first, ids);
    is_first = false;
  }
  if (add_special_tokens) ids.insert(ids.end(), state_->frame.after.begin(), state_->frame.after.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::vector<std::string> pieces;
  for (const TokenId id : ids) {
    const auto found = state_->pieces.find(id);
    if (found == state_->pieces.end()) continue;
    // As in the library, a special token whose text the normaliser changes is not recognised, and so not skipped.
    if (skip_special_tokens && is_special(id) && state_->by_id.at(id)->content == found->second) continue;
    pieces.push_back(found->second);
  }
  std::string text;
  for (const std::string& piece : state_->decode(std::move(pieces))) text += piece;
  return text;
}

std::size_t Tokenizer::vocabulary_size() const { return state_->pieces.size(); }

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  const std::string key(token);
  if (const auto found = state_->by_content.find(key); found != state_->by_content.end()) return found->second->id;
  return state_->bpe.id(token);
}

std::optional<std::string> Tokenizer::id_to_token(TokenId id) const {
  const auto found = state_->pieces.find(id);
  if (found == state_->pieces.end()) return std::nullopt;
  return found->second;
}

bool Tokenizer::is_special(TokenId id) const {
  const auto found = state_->by_id.find(id);
  return found != state_->by_id.end() && found->second->is_special;
}

}  // namespace holdfast::text
