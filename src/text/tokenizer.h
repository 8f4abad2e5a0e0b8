// Hugging Face tokenizers: tokenizer.json to token ids and back, equal to the `tokenizers` library token for token.
//
// The way of a text: added tokens that are not normalised are cut out; each piece between them is normalised;
// normalised added tokens are cut out; the rest is cut into words (pre-tokenizer) and encoded (BPE or Unigram); the
// post-processor adds special tokens.  What is accepted, and what is refused by name: docs/formats/tokenizer.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/marked_text.h"

namespace holdfast::text {

struct BpeText;

using TokenId = std::int32_t;
class PieceDecoder;

struct Prompt {
  std::vector<TokenId> ids;
  // Special tokens whose text came, in part or whole, from content.
  std::size_t control_tokens_in_content = 0;
};

class Tokenizer {
 public:
  // Reads DIR/tokenizer.json, or what a GGUF file has in its place.  Throws Error(kBadFile) naming file, place, found,
  // expected, what to try.
  static Tokenizer from_directory(const std::filesystem::path& directory);
  static Tokenizer from_file(const std::filesystem::path& tokenizer_json);
  // Whether from_directory would find one.
  static bool is_in(const std::filesystem::path& directory);
  // The bytes of a tokenizer.json; `name` stands for the file in messages.
  static Tokenizer from_json(std::string_view json, const std::string& name);
  // What a tokenizer.json holds; complaints begin with `where`.
  static Tokenizer from_parsed(const nlohmann::json& root, const std::string& where, const BpeText* read = nullptr);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;

  // Bytes that are no UTF-8 are read as U+FFFD.  Thread-safe.
  std::vector<TokenId> encode(std::string_view text, bool add_special_tokens = true) const;
  // A rendered conversation, without special tokens around it.  With `plain_content` no id of a special token comes
  // from content, but for that of unknown characters: such texts are encoded as the ordinary text that they are.
  // Without, as encode() does.  Thread-safe.
  Prompt encode_prompt(const MarkedText& text, bool plain_content) const;
  // Ids that name no token are passed over.  Thread-safe.
  std::string decode(std::span<const TokenId> ids, bool skip_special_tokens) const;

  std::size_t vocabulary_size() const;  // with added tokens
  std::optional<TokenId> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(TokenId id) const;
  bool is_special(TokenId id) const;

 private:
  friend class StreamDecoder;
  // What decoding makes text of for one id; null: nothing.
  const std::string* decoded_piece(TokenId id, bool skip_special_tokens) const;
  const PieceDecoder& piece_decoder() const;

  struct State;
  explicit Tokenizer(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace holdfast::text
