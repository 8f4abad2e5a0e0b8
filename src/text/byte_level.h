// GPT-2's map of the 256 bytes to printable characters, so that BPE can work on text that holds any byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::text {

std::string bytes_to_characters(std::string_view bytes);
// The byte of one mapped character, or nothing when the character is not in the map.
std::optional<unsigned char> character_to_byte(std::int32_t code_point);

}  // namespace holdfast::text
