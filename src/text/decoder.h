// The "decoder" of tokenizer.json: turns pieces back into text, all at once or as they come.
//
// Kinds: Sequence, Replace, ByteFallback, Fuse, Strip, ByteLevel, Metaspace, BPEDecoder.
// Each step takes pieces and gives pieces.  A step that makes one piece of many gives it in parts, as soon as they
// cannot change any more; a step that cannot work on parts waits for the whole piece.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace holdfast::text {

struct PiecePart {
  std::string text;
  bool is_first = true, is_last = true;  // of its piece
};
using PieceParts = std::vector<PiecePart>;

class DecoderStep {
 public:
  virtual ~DecoderStep() = default;
  virtual std::unique_ptr<DecoderStep> clone() const = 0;
  virtual void push(PiecePart part, PieceParts& out) = 0;
  virtual void finish(PieceParts&) {}  // no more pieces come
};

// Copies go on by themselves from where the original stands.
class PieceDecoder {
 public:
  // null joins the pieces by spaces, as the library does.  Throws Error(kBadFile) for a kind that is not in the list.
  PieceDecoder(const nlohmann::json& description, const std::string& where);
  PieceDecoder(const PieceDecoder& other);
  PieceDecoder(PieceDecoder&&) noexcept = default;

  // The text that is certain once these pieces have come.
  std::string push(std::vector<std::string> pieces);
  // What has been held back until now.
  std::string finish();

 private:
  std::string run(PieceParts parts, std::size_t first_step);
  std::vector<std::unique_ptr<DecoderStep>> steps_;
};

}  // namespace holdfast::text
