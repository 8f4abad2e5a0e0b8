// Decodes ids as they come, for a text that is shown or searched while it is being written.
//
// Invariant: what all calls give, end to end, is Tokenizer::decode of all ids; no call gives a part of a character.
// Where what a token means hangs on later ones, it is held back: bytes of a character, with <0xNN> pieces a whole run
// of bytes (decode makes U+FFFD of all of it when its end is no UTF-8).
#pragma once

#include <string>

#include "text/decoder.h"
#include "text/tokenizer.h"

namespace holdfast::text {

class StreamDecoder {
 public:
  // `tokenizer` must outlive it.
  StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens);

  // The text that the id makes certain; may be empty.  Ids that name no token are passed over.
  std::string push(TokenId id);
  // The rest, as if no more ids came; further ids may still be pushed.
  std::string pending() const;

 private:
  const Tokenizer* tokenizer_;
  PieceDecoder decoder_;
  bool skips_special_tokens_;
};

}  // namespace holdfast::text
