#include "text/json_rows.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/error.h"
#include "text/json_shape.h"

namespace holdfast::text {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kSpace = " \t\r\n";

// The parser makes a double of an integer beyond 64 bits, which is another number: refused here.
void check_integers(std::string_view text, const std::string& name, RowPlace start) {
  constexpr std::size_t kSafeDigits = 18;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
      continue;
    }
    if (text[i] < '0' || text[i] > '9') continue;
    const std::size_t begin = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    const bool is_part = begin > 0 && std::string_view(".eE+").find(text[begin - 1]) != std::string_view::npos;
    const bool is_real = i < text.size() && std::string_view(".eE").find(text[i]) != std::string_view::npos;
    if (i - begin <= kSafeDigits || is_part || is_real) {
      if (is_part || is_real) {  // of a real number, the digits behind the point are no integer either
        while (i < text.size() && std::string_view("0123456789.eE+-").find(text[i]) != std::string_view::npos) ++i;
      }
      --i;
      continue;
    }
    const bool is_negative = begin > 0 && text[begin - 1] == '-';
    const char *first = text.data() + begin - (is_negative ? 1 : 0), *last = text.data() + i;
    std::int64_t below;
    std::uint64_t above;
    const bool fits = is_negative ? std::from_chars(first, last, below).ec == std::errc{}
                                  : std::from_chars(first, last, above).ec == std::errc{};
    HOLDFAST_CHECK(kBadFile, fits, place_text(name, place_at(text, begin, start)), ": found the integer ",
                   excerpt(text.substr(begin, i - begin), 40),
                   ", expected one of at most 64 bits; try writing it as a text");
    --i;
  }
}

}  // namespace

std::size_t json_value_end(std::string_view text, std::size_t start) {
  std::size_t depth = 0;
  for (std::size_t i = start; i < text.size(); ++i) {
    switch (text[i]) {
      case '"':
        for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
        if (i >= text.size()) return text.size();
        if (depth == 0) return i + 1;
        break;
      case '[':
      case '{':
        ++depth;
        break;
      case ']':
      case '}':
        if (depth == 0) return i;
        if (--depth == 0) return i + 1;
        break;
      case ',':
        if (depth == 0) return i;
        break;
      default:
        if (depth == 0 && kSpace.find(text[i]) != std::string_view::npos) return i;
        break;
    }
  }
  return text.size();
}

ordered_json parse_json_object(std::string_view text, const std::string& name, RowPlace start, const char* expected) {
  check_utf8(text, name, start);
  check_json_shape(text, place_text(name, start));
  ordered_json value;
  try {
    value = ordered_json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t bad = std::min(error.byte > 0 ? error.byte - 1 : 0, text.size());
    HOLDFAST_CHECK(kBadFile, std::string_view(error.what()).find(" surrogate U+D") == std::string_view::npos,
                   place_text(name, place_at(text, bad, start)), ": found half of a surrogate pair in ", excerpt(text),
                   ", expected both halves of a character, as in \\ud83d\\ude42; was a text cut in the middle of one?");
    fail(ErrorKind::kBadFile, place_text(name, place_at(text, bad, start)), ": found ",
         bad == text.size() ? "the end of " : "no JSON in ", excerpt(text), ", expected ", expected,
         "; is it cut off?");
  } catch (const nlohmann::json::exception&) {
    fail(ErrorKind::kBadFile, place_text(name, start), ": found a number out of range in ", excerpt(text),
         ", expected one that a double can hold; try writing it as a text");
  }
  HOLDFAST_CHECK(kBadFile, value.is_object(), place_text(name, start), ": found ", excerpt(text, 40), ", expected ",
                 expected);
  check_integers(text, name, start);
  return value;
}

std::optional<Record> JsonlReader::next() {
  std::string row;
  while (std::getline(stream_, row)) {
    ++line_;
    if (row.ends_with('\r')) row.pop_back();
    if (row.find_first_not_of(" \t") == std::string::npos) continue;
    return Record{parse_json_object(row, name_, {line_, 1}, "one JSON object a line"), line_};
  }
  return std::nullopt;
}

std::optional<Record> JsonlText::next() {
  while (position_ < text_.size()) {
    const std::size_t end = std::min(text_.find('\n', position_), text_.size());
    std::string_view row = text_.substr(position_, end - position_);
    position_ = std::min(end + 1, text_.size());
    ++line_;
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.find_first_not_of(" \t") == std::string_view::npos) continue;
    return Record{parse_json_object(row, name_, {line_, 1}, "one JSON object a line"), line_};
  }
  return std::nullopt;
}

void JsonRows::skip_space() {
  position_ = std::min(text_.find_first_not_of(kSpace, position_), text_.size());
  counted_place_ = place();
  counted_ = position_;
}

RowPlace JsonRows::place() const { return place_at(text_.substr(counted_), position_ - counted_, counted_place_); }

void JsonRows::complain(const std::string& found, const char* expected) const {
  if (position_ == text_.size())
    fail(ErrorKind::kBadFile, place_text(name_, place()), ": found the end of the file, expected ", expected,
         "; is the file cut off?");
  fail(ErrorKind::kBadFile, place_text(name_, place()), ": found ", found, ", expected ", expected);
}

bool JsonRows::at_close(char bracket, bool is_first) {
  skip_space();
  if (position_ < text_.size() && text_[position_] == bracket) {
    ++position_;
    return true;
  }
  if (is_first) return false;
  if (position_ == text_.size() || text_[position_] != ',')
    complain(excerpt(text_.substr(position_), 20), bracket == ']' ? "a comma or ]" : "a comma or }");
  ++position_;
  skip_space();
  return false;
}

std::string_view JsonRows::value() {
  const std::size_t end = json_value_end(text_, position_);
  const std::string_view value = text_.substr(position_, end - position_);
  position_ = end;
  return value;
}

void JsonRows::open() {
  skip_space();
  const char first = position_ < text_.size() ? text_[position_] : '\0';
  if (first != '[' && first != '{')
    complain("no array (" + excerpt(text_.substr(position_), 20) + ")",
             "an array of objects, or an object category -> list");
  ++position_;
  state_ = first == '[' ? State::kArray : State::kLists;
}

bool JsonRows::open_list() {
  if (at_close('}', is_first_list_)) return false;
  is_first_list_ = false;
  const RowPlace start = place();
  if (position_ == text_.size() || text_[position_] != '"')
    complain(excerpt(text_.substr(position_), 20), "a category in quotes");
  const std::string key(value());
  skip_space();
  if (position_ == text_.size() || text_[position_] != ':') complain(excerpt(text_.substr(position_), 20), "a colon");
  category_ = parse_json_object("{" + key + ":0}", name_, {start.line, start.column - 1}, "a category").begin().key();
  ++position_;
  skip_space();
  if (position_ == text_.size() || text_[position_] != '[')
    complain("'" + category_ + "' without a list", "an object category -> list of texts or objects");
  ++position_;
  is_first_ = true;
  state_ = State::kList;
  return true;
}

void JsonRows::expect_end() {
  skip_space();
  state_ = State::kEnd;
  if (position_ < text_.size()) complain(excerpt(text_.substr(position_), 20), "the end of the file");
}

std::optional<Record> JsonRows::next() {
  if (state_ == State::kStart) open();
  while (state_ != State::kEnd) {
    if (state_ == State::kLists) {
      if (!open_list()) expect_end();
      continue;
    }
    const bool is_array = state_ == State::kArray;
    if (at_close(']', is_first_)) {
      if (is_array)
        expect_end();
      else
        state_ = State::kLists;
      continue;
    }
    is_first_ = false;
    const RowPlace start = place();
    if (is_array) {
      const std::string_view row = value();
      if (row.empty()) complain(excerpt(text_.substr(position_), 20), "an object as a row of the array");
      return Record{parse_json_object(row, name_, start, "an object as a row of the array"), start.line};
    }
    if (position_ < text_.size() && text_[position_] == '{') {
      Record record{parse_json_object(value(), name_, start, "a text or an object"), start.line};
      if (!record.value.contains("category")) record.value["category"] = category_;
      return record;
    }
    if (position_ == text_.size() || text_[position_] != '"')
      complain(excerpt(value(), 40) + " under '" + category_ + "'", "a text or an object");
    const std::string text(value());
    constexpr std::string_view kBefore = "{\"prompt\":";
    const RowPlace before{start.line, start.column - kBefore.size()};
    Record record{parse_json_object(std::string(kBefore) + text + "}", name_, before, "a text"), start.line};
    record.value["category"] = category_;
    return record;
  }
  return std::nullopt;
}

}  // namespace holdfast::text
