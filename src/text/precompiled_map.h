// The normalizer "Precompiled": the map of characters that SentencePiece compiles into its models (nmt_nfkc and the
// like).
//
// Format: the size in bytes of a double array of 32-bit words (little endian, as darts-clone writes it), the array,
// and texts that each end with a zero byte, in which the array's values are places.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::text {

class PrecompiledMap {
 public:
  // `base64`: as tokenizer.json holds it.  Throws Error(kBadFile) whose message begins with `where`.
  PrecompiledMap(const std::string& base64, const std::string& where);

  // As the `tokenizers` library does: a grapheme of fewer than 6 bytes is looked up as a whole, then each character;
  // what it is replaced by is that of the shortest key with which it begins.
  std::string normalize(std::string_view text) const;

 private:
  std::optional<std::string_view> replacement(std::string_view chunk) const;
  std::vector<std::uint32_t> array_;
  std::string texts_;
};

}  // namespace holdfast::text
