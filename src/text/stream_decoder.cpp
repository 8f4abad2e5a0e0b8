#include "text/stream_decoder.h"

namespace holdfast::text {

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens)
    : tokenizer_(&tokenizer), decoder_(tokenizer.piece_decoder()), skips_special_tokens_(skip_special_tokens) {}

std::string StreamDecoder::push(TokenId id) {
  const std::string* piece = tokenizer_->decoded_piece(id, skips_special_tokens_);
  return piece == nullptr ? std::string() : decoder_.push({*piece});
}

std::string StreamDecoder::pending() const {
  PieceDecoder copy = decoder_;
  return copy.finish();
}

}  // namespace holdfast::text
