#include "text/tokenizer.h"

#include <algorithm>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/error.h"
#include "base/files.h"
#include "base/gguf.h"
#include "text/added_tokens.h"
#include "text/bpe_text.h"
#include "text/decoder.h"
#include "text/gguf_tokenizer.h"
#include "text/json_shape.h"
#include "text/normalizer.h"
#include "text/piece_model.h"
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
  constexpr std::size_t kLongest = 1'000;  // all of it may be looked at from every place of a text
  HOLDFAST_CHECK(kBadFile, content.size() <= kLongest, where, ": found an added token of ", content.size(),
                 " bytes, expected at most ", kLongest);
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
  State(const json& root, const BpeText* read, const std::string& where)
      : model(make_piece_model(root.at("model"), read, where)),
        normalize(make_normalizer(root.value("normalizer", json()), where)),
        pre_tokenize(make_pre_tokenizer(root.value("pre_tokenizer", json()), where)),
        decoder(root.value("decoder", json()), where) {
    read_post_processor(root.value("post_processor", json()), where, frame);
    pieces.reserve(model->vocabulary().size());
    for (const auto& [piece, id] : model->vocabulary()) {
      const auto [place, is_first] = pieces.emplace(id, piece);
      HOLDFAST_CHECK(kBadFile, is_first, where, ": found id ", id, " for the pieces '", std::min(piece, place->second),
                     "' and '", std::max(piece, place->second), "', expected an id for each");
    }
    std::vector<const AddedToken*> raw_tokens, normalised_tokens;
    for (const json& value : root.value("added_tokens", json::array())) {
      const AddedToken& token = added.emplace_back(read_added_token(value, where));
      check_is_consistent(token, where);
      by_content[token.content] = &token;
      by_id[token.id] = &token;
      pieces[token.id] = token.content;
      if (token.is_special && token.id != model->unknown_id()) control_ids.insert(token.id);
      // The library normalises such a token's own text before it looks for it.
      if (token.normalized) {
        AddedToken& pattern = patterns.emplace_back(token);
        pattern.content = normalize(token.content);
        normalised_tokens.push_back(&pattern);
        pieces[token.id] = pattern.content;
      } else {
        raw_tokens.push_back(&token);
      }
    }
    before_normalizer = AddedTokenMatcher(std::move(raw_tokens));
    after_normalizer = AddedTokenMatcher(std::move(normalised_tokens));
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
                                                        : model->id(token.content).value_or(token.id);
    HOLDFAST_CHECK(kBadFile, id == token.id, where, ": found added token '", token.content, "' with the ids ", id,
                   " and ", token.id, ", expected one");
  }

  // As in the library, a text whose first character the normaliser takes away does not begin where the input begins.
  bool keeps_beginning(std::string_view text) const {
    return !normalize(std::string(text.substr(0, decode_utf8(text).length))).empty();
  }

  // Where stretches of `text` come to lie in what the normaliser makes of it.  What it makes of a character is taken
  // to hang on no more than the text shortly before.
  std::vector<TextRange> ranges_when_normalised(std::string_view text, std::span<const TextRange> ranges,
                                                std::size_t normalised_size) const {
    constexpr std::size_t kBefore = 64;
    std::vector<TextRange> out;
    std::size_t done = 0, place = 0;
    const auto place_of = [&](std::size_t end) {
      std::size_t start = done - std::min(done, kBefore);
      while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
      const std::size_t before = done == 0 ? 0 : normalize(std::string(text.substr(start, done - start))).size();
      place += normalize(std::string(text.substr(start, end - start))).size() - before;
      done = end;
      return std::min(place, normalised_size);
    };
    for (const TextRange& range : ranges) {
      const std::size_t begin = range.begin == 0 ? 0 : place_of(range.begin);
      out.push_back({begin, place_of(range.end)});
    }
    return out;
  }

  // What encode_prompt reads as plain text: nothing, or stretches of the text.
  struct Content {
    bool is_plain = false;
    std::span<const TextRange> ranges;
  };

  void encode(std::string_view text, Content content, Prompt& out) const {
    bool is_first = true;
    const AddedTokenMatcher::Cut cut = before_normalizer.split(text, content.ranges);
    out.control_tokens_in_content += cut.plain_tokens;
    for (const Piece& piece : cut.pieces) {
      if (piece.token >= 0)
        out.ids.push_back(piece.token);
      else
        encode_piece(piece.text, is_first && keeps_beginning(piece.text), content,
                     static_cast<std::size_t>(piece.text.data() - text.data()), out);
      is_first = false;
    }
  }

  // A stretch of the text, from byte `place` on, in which there is no token that is not normalised.
  void encode_piece(std::string_view text, bool is_first, Content content, std::size_t place, Prompt& out) const {
    const std::string normalised = normalize(std::string(text));
    std::vector<TextRange> ranges;
    if (!content.ranges.empty() && after_normalizer.has_special()) {
      auto first = std::lower_bound(content.ranges.begin(), content.ranges.end(), place,
                                    [](const TextRange& one, std::size_t start) { return one.end <= start; });
      for (const TextRange& range : std::span(first, content.ranges.end())) {
        if (range.begin >= place + text.size()) break;
        const std::size_t begin = std::max(range.begin, place), end = std::min(range.end, place + text.size());
        ranges.push_back({begin - place, end - place});
      }
      ranges = ranges_when_normalised(text, ranges, normalised.size());
    }
    const AddedTokenMatcher::Cut cut = after_normalizer.split(normalised, ranges);
    out.control_tokens_in_content += cut.plain_tokens;
    for (const Piece& piece : cut.pieces) {
      if (piece.token >= 0) {
        out.ids.push_back(piece.token);
      } else {
        for (const Word& word : pre_tokenize({{std::string(piece.text), is_first}})) {
          if (content.is_plain)
            model->encode_without(control_ids, word.text, out.ids);
          else
            model->encode(word.text, out.ids);
        }
      }
      is_first = false;
    }
  }

  std::unique_ptr<const PieceModel> model;
  Normalizer normalize;
  PreTokenizer pre_tokenize;
  PieceDecoder decoder;
  Frame frame;
  std::deque<AddedToken> added, patterns;
  std::unordered_map<std::string, const AddedToken*> by_content;
  std::unordered_map<TokenId, const AddedToken*> by_id;
  std::unordered_map<TokenId, std::string> pieces;
  AddedTokenMatcher before_normalizer, after_normalizer;
  IdSet control_ids;  // of special tokens, but for that of unknown characters
};

Tokenizer::Tokenizer(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::from_directory(const std::filesystem::path& directory) {
  if (const auto gguf = find_gguf(directory))
    return from_parsed(gguf_tokenizer(GgufFile(*gguf)), "[tokenizer] " + gguf->string());
  const auto path = directory / "tokenizer.json";
  HOLDFAST_CHECK(kBadFile, std::filesystem::exists(path), "[tokenizer] found no tokenizer.json in ", directory.string(),
                 ", expected one; try saving the tokenizer with transformers' save_pretrained");
  return from_file(path);
}

bool Tokenizer::is_in(const std::filesystem::path& directory) {
  if (const auto gguf = find_gguf(directory)) return GgufFile(*gguf).metadata().contains("tokenizer.ggml.tokens");
  return std::filesystem::exists(directory / "tokenizer.json");
}

Tokenizer Tokenizer::from_file(const std::filesystem::path& path) { return from_json(read_file(path), path.string()); }

Tokenizer Tokenizer::from_json(std::string_view text, const std::string& name) {
  const std::string where = "[tokenizer] " + name;
  check_json_shape(text, where, {.keys = 1 << 24});
  if (const auto read = split_bpe(text)) {
    const json root = json::parse(read->rest, nullptr, false);
    if (root.is_object() && root["model"].value("type", json("BPE")) == "BPE") return from_parsed(root, where, &*read);
  }
  return from_parsed(json::parse(text, nullptr, false), where);
}

Tokenizer Tokenizer::from_parsed(const json& root, const std::string& where, const BpeText* read) {
  HOLDFAST_CHECK(kBadFile, root.is_object() && root.contains("model"), where,
                 ": found no JSON object with a model, expected a tokenizer.json; is the download complete?");
  try {
    return Tokenizer(std::make_unique<const State>(root, read, where));
  } catch (const json::exception& error) {
    fail(ErrorKind::kBadFile, where, ": found a part of another shape than expected (", error.what(),
         "); is the file damaged?");
  }
}

std::vector<TokenId> Tokenizer::encode(std::string_view raw, bool add_special_tokens) const {
  Prompt out;
  if (add_special_tokens) out.ids = state_->frame.before;
  state_->encode(repair_utf8(raw), {}, out);
  if (add_special_tokens) out.ids.insert(out.ids.end(), state_->frame.after.begin(), state_->frame.after.end());
  return std::move(out.ids);
}

Prompt Tokenizer::encode_prompt(const MarkedText& text, bool plain_content) const {
  Prompt plain;
  state_->encode(text.string(), {true, text.content()}, plain);
  return plain_content ? plain : Prompt{encode(text.string(), false), plain.control_tokens_in_content};
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::vector<std::string> pieces;
  for (const TokenId id : ids) {
    if (const std::string* piece = decoded_piece(id, skip_special_tokens)) pieces.push_back(*piece);
  }
  PieceDecoder decoder = state_->decoder;
  const std::string text = decoder.push(std::move(pieces));
  return text + decoder.finish();
}

const std::string* Tokenizer::decoded_piece(TokenId id, bool skip_special_tokens) const {
  const auto found = state_->pieces.find(id);
  if (found == state_->pieces.end()) return nullptr;
  // As in the library, a special token whose text the normaliser changes is not recognised, and so not skipped.
  const bool is_skipped = skip_special_tokens && is_special(id) && state_->by_id.at(id)->content == found->second;
  return is_skipped ? nullptr : &found->second;
}

const PieceDecoder& Tokenizer::piece_decoder() const { return state_->decoder; }

std::size_t Tokenizer::vocabulary_size() const { return state_->pieces.size(); }

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  const std::string key(token);
  if (const auto found = state_->by_content.find(key); found != state_->by_content.end()) return found->second->id;
  return state_->model->id(token);
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
