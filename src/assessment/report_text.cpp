#include "assessment/report_text.h"

#include <cmath>
#include <cstdio>

namespace holdfast::assessment {
namespace {

// The typographer's minus, as wide as a plus.
std::string with_minus(std::string text) {
  if (text.starts_with('-')) text.replace(0, 1, "\xE2\x88\x92");
  return text;
}

}  // namespace

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

std::string p_text(double p) { return p < 1e-4 ? "p < 0.0001" : "p = " + format("%.2g", p); }

std::string quoted(const std::string& name) { return "\xE2\x80\x9C" + name + "\xE2\x80\x9D"; }

std::string duration(double seconds) {
  if (seconds < 100) return format("%.1f\xC2\xA0s", seconds);
  if (seconds < 7200) return format("%.1f\xC2\xA0min", seconds / 60);
  return format("%.1f\xC2\xA0h", seconds / 3600);
}

std::string money(double usd) { return "USD\xC2\xA0" + (usd >= 100 ? format("%.0f", usd) : format("%.2g", usd)); }

std::string count(std::int64_t number, const char* thing) {
  return thousands(number) + " " + thing + (number == 1 ? "" : "s");
}

std::string text_of(const nlohmann::ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string k_of_n(const nlohmann::ordered_json& cell, const char* between) {
  const auto& k = cell["k"];
  return (k.is_number_integer() ? k.dump() : format("%.1f", k)) + between + cell["n"].dump();
}

std::string rate_in_words(const nlohmann::ordered_json& cell) {
  return k_of_n(cell, " of ") + " (" + percent(cell["value"]) + ", " + kLevelText + " " +
         range(cell["low"], cell["high"]) + ")";
}

std::string corrected_in_words(const nlohmann::ordered_json& cell) {
  const auto& rate = cell["corrected"];
  return "corrected " + percent(rate["value"]) + ", " + kLevelText + " " + range(rate["low"], rate["high"]);
}

}  // namespace holdfast::assessment
