// Rows out of JSON text, one at a time: the lines of JSONL, the elements of an array, or of an object of lists.
#pragma once

#include <istream>
#include <optional>
#include <string>
#include <string_view>

#include "text/record.h"
#include "text/row_place.h"

namespace holdfast::text {

// One object.  `expected` names it in errors, which are Error(kBadFile): `NAME:LINE:COLUMN: found ..., expected ...`.
// Refused besides: nesting and keys beyond JsonLimits, and numbers that a double or 64 bits cannot hold.
nlohmann::ordered_json parse_json_object(std::string_view text, const std::string& name, RowPlace start,
                                         const char* expected);

// JSONL from a stream, row by row; empty lines are passed over.
class JsonlReader {
 public:
  JsonlReader(std::istream& stream, std::string name) : stream_(stream), name_("[read] " + std::move(name)) {}
  std::optional<Record> next();

 private:
  std::istream& stream_;
  std::string name_;
  std::size_t line_ = 0;
};

// The same from a text that stays where it is.
class JsonlText {
 public:
  JsonlText(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {}
  std::optional<Record> next();
  std::size_t position() const { return position_; }

 private:
  std::string_view text_;
  std::string name_;
  std::size_t position_ = 0, line_ = 0;
};

// `[{...}, ...]`, or `{"category": ["text" or {...}, ...], ...}`, whose texts become {"prompt", "category"} and whose
// objects get the category where they have none.
class JsonRows {
 public:
  JsonRows(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {}
  std::optional<Record> next();
  std::size_t position() const { return position_; }

 private:
  enum class State { kStart, kArray, kLists, kList, kEnd };
  void skip_space();
  void open();
  bool open_list();                            // the next category; false at the end of the object
  void expect_end();                           // nothing but white space follows
  bool at_close(char bracket, bool is_first);  // passes over a comma or the closing bracket
  std::string_view value();                    // the next value's text, passed over
  [[noreturn]] void complain(const std::string& found, const char* expected) const;
  RowPlace place() const;

  std::string_view text_;
  std::string name_, category_;
  State state_ = State::kStart;
  bool is_first_ = true, is_first_list_ = true;
  std::size_t position_ = 0;
  std::size_t counted_ = 0;  // up to this byte, lines and columns are counted
  RowPlace counted_place_;
};

// Where the value that begins at `start` ends; text.size() when it does not.  Looks at brackets and quotes alone.
std::size_t json_value_end(std::string_view text, std::size_t start);

}  // namespace holdfast::text
