// CSV as RFC 4180 has it, and the same with tabs: quoted fields may hold separators, quotes ("") and line ends.
//
// LF or CRLF; empty lines are no rows; a quote inside an unquoted field is itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/row_place.h"

namespace holdfast::text {

struct CsvRow {
  std::vector<std::string> fields;
  std::size_t line;  // where it begins, from 1
};

// Reads a text that stays where it is, row by row.
class CsvReader {
 public:
  // `name` begins the errors.  The text has no byte order mark.
  CsvReader(std::string_view text, std::string name, char separator = ',')
      : text_(text), name_(std::move(name)), separator_(separator) {}

  // False at the end.  Throws Error(kBadFile): `NAME:LINE:COLUMN: found ..., expected ...; try ...`.
  bool next(CsvRow& row);
  std::size_t position() const { return position_; }  // bytes that were read

 private:
  std::size_t read_quoted(std::size_t start, std::string& field);
  RowPlace place(std::size_t offset) const;

  std::string_view text_;
  std::string name_;
  char separator_;
  std::size_t position_ = 0, line_ = 1, row_start_ = 0, row_line_ = 1;
};

// All rows of a CSV text as they stand, header included.  `where` names the file in errors.
std::vector<CsvRow> parse_csv(std::string_view text, const std::string& where);

// A field as it must be written: quoted where it holds a comma, a quote or a line end.
std::string csv_field(std::string_view value);

}  // namespace holdfast::text
