// Where in a data file something stands, and whether its bytes are UTF-8: what every reader of rows says in its errors.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast::text {

struct RowPlace {
  std::size_t line = 1, column = 1;  // column in characters
};

// The place of byte `offset` of a text that begins at `start`.
RowPlace place_at(std::string_view text, std::size_t offset, RowPlace start = {});

// "NAME:LINE:COLUMN"
std::string place_text(const std::string& name, const RowPlace& place);

bool is_valid_utf8(std::string_view text);

// Refuses another encoding: a UTF-16 byte order mark at the start of the file, a NUL byte, bytes that are no UTF-8.
// Throws Error(kBadFile): `NAME:LINE:COLUMN: found ..., expected UTF-8; try ...`.
void check_utf8(std::string_view text, const std::string& name, RowPlace start = {});

// Drops a UTF-8 byte order mark; refuses those of UTF-16 and UTF-32.
std::string_view without_byte_order_mark(std::string_view text, const std::string& name);

// The beginning of a text as an error shows it: one line, whole characters, at most about `bytes`.
std::string excerpt(std::string_view text, std::size_t bytes = 60);

}  // namespace holdfast::text
