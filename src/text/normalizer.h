// The "normalizer" of tokenizer.json: rewrites the text before it is cut up.
//
// Kinds: Sequence, Prepend, Replace (text or regex), NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, ByteLevel,
// Nmt, Precompiled.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace holdfast::text {

using Normalizer = std::function<std::string(std::string)>;

// null gives the identity.  Throws Error(kBadFile) for a kind that is not in the list.
Normalizer make_normalizer(const nlohmann::json& description, const std::string& where);

// Also used by the decoder of the same name.
std::function<std::string(const std::string&)> make_replace(const nlohmann::json& description,
                                                            const std::string& where);

}  // namespace holdfast::text
