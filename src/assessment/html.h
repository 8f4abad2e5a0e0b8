// Pieces of HTML: escaped text, numbers as a reader wants them, tables.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace holdfast::assessment {

std::string escape(const std::string& text);
// A text as it is, anything else as JSON; escaped.
std::string text_of(const nlohmann::ordered_json& value);

std::string format(const char* pattern, double value);
std::string percent(double share);           // "97.5 %"
std::string range(double low, double high);  // "94.3 – 98.9 %"
std::string points(double difference);       // "−2.5 points"
std::string signed_points(double difference);
std::string thousands(std::int64_t value);  // "16,904"
std::string p_text(double p);               // "p = 0.031", "p < 0.0001"
std::string quoted(const std::string& name);

// A column's heading and how it is set.
struct Column {
  std::string heading;
  bool is_number = false;
};

// A table that scrolls sideways where it is too wide.  REQUIRES: rows as long as `columns`; fields are HTML.
std::string table(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows);

}  // namespace holdfast::assessment
