#include "text/csv.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::text {

RowPlace CsvReader::place(std::size_t offset) const {
  return place_at(text_.substr(row_start_), offset - row_start_, {row_line_, 1});
}

// Reads from behind an opening quote; returns the position behind the closing one.
std::size_t CsvReader::read_quoted(std::size_t start, std::string& field) {
  std::size_t i = start;
  while (true) {
    const std::size_t quote = text_.find('"', i);
    HOLDFAST_CHECK(kBadFile, quote != std::string_view::npos, place_text(name_, place(start - 1)),
                   ": found a quote that is never closed, expected a closing one; is the file cut off?");
    field.append(text_, i, quote - i);
    line_ += static_cast<std::size_t>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(i),
                                                 text_.begin() + static_cast<std::ptrdiff_t>(quote), '\n'));
    if (quote + 1 >= text_.size() || text_[quote + 1] != '"') return quote + 1;
    field += '"';
    i = quote + 2;
  }
}

bool CsvReader::next(CsvRow& row) {
  const auto is_line_end = [&](std::size_t i) {
    return text_[i] == '\n' || (text_[i] == '\r' && (i + 1 == text_.size() || text_[i + 1] == '\n'));
  };
  std::size_t i = position_;
  while (i < text_.size() && is_line_end(i)) line_ += text_[i++] == '\n';
  row.line = row_line_ = line_;
  row_start_ = i;
  std::size_t count = 0;  // of the fields; their strings are used again from row to row
  bool is_done = i == text_.size();
  if (is_done) {
    position_ = i;
    row.fields.clear();
    return false;
  }
  while (!is_done) {
    if (count == row.fields.size()) row.fields.emplace_back();
    std::string& field = row.fields[count++];
    field.clear();
    if (i < text_.size() && text_[i] == '"') {
      i = read_quoted(i + 1, field);
      HOLDFAST_CHECK(
          kBadFile, i == text_.size() || text_[i] == separator_ || is_line_end(i), place_text(name_, place(i)),
          ": found text behind a closing quote, expected a separator or the line's end; is a quote missing?");
    } else {
      std::size_t end = i;
      while (end < text_.size() && text_[end] != separator_ && text_[end] != '\n' && text_[end] != '\r') ++end;
      while (end < text_.size() && text_[end] == '\r' && !is_line_end(end)) {  // a lone CR belongs to the field
        ++end;
        while (end < text_.size() && text_[end] != separator_ && text_[end] != '\n' && text_[end] != '\r') ++end;
      }
      field.append(text_, i, end - i);
      i = end;
    }
    is_done = i == text_.size() || is_line_end(i);
    if (!is_done) ++i;  // the separator
  }
  row.fields.resize(count);
  check_utf8(text_.substr(row_start_, i - row_start_), name_, {row_line_, 1});
  position_ = i;
  return true;
}

std::vector<CsvRow> parse_csv(std::string_view text, const std::string& where) {
  CsvReader reader(without_byte_order_mark(text, where), where);
  std::vector<CsvRow> rows;
  for (CsvRow row; reader.next(row);) rows.push_back(std::move(row)), row.fields.clear();
  return rows;
}

std::string csv_field(std::string_view value) {
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(value);
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace holdfast::text
