// A table of text for people: columns as wide as their longest field, numbers to the right, at most 100 characters a
// line.
#pragma once

#include <string>
#include <vector>

namespace holdfast::apps {

struct Column {
  std::string heading;
  bool is_number = false;   // set to the right
  bool may_shrink = false;  // its fields lose their middle where the table is too wide
  bool is_shown = true;
};

class TextTable {
 public:
  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many fields as columns.
  void add(std::vector<std::string> fields) { rows_.push_back(std::move(fields)); }
  void add_gap() { rows_.emplace_back(); }
  bool is_empty() const { return rows_.empty(); }
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // empty: a gap
};

// printf's format of one number.
std::string format_number(const char* pattern, double value);
// Cuts the middle of a long name, whose ends tell most.
std::string shortened(const std::string& name, std::size_t most);

}  // namespace holdfast::apps
