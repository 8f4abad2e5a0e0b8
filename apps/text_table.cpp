#include "text_table.h"

#include <algorithm>
#include <cstdio>

namespace holdfast::apps {
namespace {

constexpr std::size_t kWidth = 100, kLeast = 8;

}  // namespace

std::string format_number(const char* pattern, double value) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, pattern, value);
  return buffer;
}

std::string shortened(const std::string& name, std::size_t most) {
  if (name.size() <= most) return name;
  const std::size_t tail = (most - 2) / 2;
  return name.substr(0, most - 2 - tail) + ".." + name.substr(name.size() - tail);
}

std::string TextTable::text() const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  std::size_t total = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!columns_[i].is_shown) continue;
    widths[i] = columns_[i].heading.size();
    for (const auto& row : rows_) widths[i] = std::max(widths[i], row.empty() ? 0 : row[i].size());
    total += widths[i] + 2;
  }
  total -= std::min<std::size_t>(total, 2);
  // What is too wide is taken from the names, the longest first.
  while (total > kWidth) {
    std::size_t* longest = nullptr;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].may_shrink && (longest == nullptr || widths[i] > *longest)) longest = &widths[i];
    }
    if (longest == nullptr || *longest <= kLeast) break;
    --*longest;
    --total;
  }
  std::string out;
  const auto add_line = [&](const std::vector<std::string>& fields) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (widths[i] == 0) continue;
      const std::string field = shortened(fields[i], widths[i]), pad(widths[i] - field.size(), ' ');
      line += (line.empty() ? "" : "  ") + (columns_[i].is_number ? pad + field : field + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  add_line(headings);
  for (const auto& row : rows_) {
    if (row.empty())
      out += "\n";
    else
      add_line(row);
  }
  return out;
}

}  // namespace holdfast::apps
