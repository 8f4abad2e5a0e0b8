// The "decoder" of tokenizer.json: turns pieces back into text.
//
// Kinds: Sequence, Replace, ByteFallback, Fuse, Strip, ByteLevel, Metaspace, BPEDecoder.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace holdfast::text {

using PieceDecoder = std::function<std::vector<std::string>(std::vector<std::string>)>;

// null joins the pieces by spaces, as the library does.  Throws Error(kBadFile) for a kind that is not in the list.
PieceDecoder make_piece_decoder(const nlohmann::json& description, const std::string& where);

}  // namespace holdfast::text
