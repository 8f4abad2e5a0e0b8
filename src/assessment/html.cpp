#include "assessment/html.h"

#include <cstdio>

namespace holdfast::assessment {
namespace {

// The typographer's minus, as wide as a plus.
std::string with_minus(std::string text) {
  if (text.starts_with('-')) text.replace(0, 1, "\xE2\x88\x92");
  return text;
}

}  // namespace

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string text_of(const nlohmann::ordered_json& value) {
  return escape(value.is_string() ? value.get<std::string>() : value.dump());
}

std::string format(const char* pattern, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, pattern, value);
  return buffer;
}

std::string percent(double share) { return format("%.1f", 100 * share) + "\xC2\xA0%"; }

std::string range(double low, double high) {
  return format("%.1f", 100 * low) + "\xE2\x80\x93" + format("%.1f", 100 * high) + "\xC2\xA0%";
}

std::string signed_points(double difference) {
  const std::string text = format("%+.1f", 100 * difference);
  return text == "-0.0" ? "+0.0" : with_minus(text);
}

std::string points(double difference) { return signed_points(difference) + " points"; }

std::string thousands(std::int64_t value) {
  std::string text = std::to_string(value);
  for (std::size_t place = text.size(); place > 3 && text[place - 4] != '-';) text.insert(place -= 3, ",");
  return text;
}

std::string p_text(double p) { return p < 1e-4 ? "p &lt; 0.0001" : "p = " + format("%.2g", p); }

std::string quoted(const std::string& name) { return "\xE2\x80\x9C" + escape(name) + "\xE2\x80\x9D"; }

std::string table(const std::vector<Column>& columns, const std::vector<std::vector<std::string>>& rows) {
  const auto cell = [&](const char* tag, std::size_t column, const std::string& field) {
    return std::string("<") + tag + (columns[column].is_number ? " class=\"n\">" : ">") + field + "</" + tag + ">";
  };
  std::string out = "<div class=\"wide\" tabindex=\"0\"><table><thead><tr>";
  for (std::size_t i = 0; i < columns.size(); ++i) out += cell("th", i, columns[i].heading);
  out += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (std::size_t i = 0; i < columns.size(); ++i) out += cell("td", i, row[i]);
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace holdfast::assessment
