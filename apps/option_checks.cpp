#include "option_checks.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace holdfast::apps {
namespace {

std::string complaint(const std::string& text, const std::string& expected) {
  return "found '" + text + "', expected " + expected;
}

// NaN for what is no number.
double number(const std::string& text) {
  double value = std::numeric_limits<double>::quiet_NaN();
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  return read.ec == std::errc() && read.ptr == end ? value : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

CLI::Validator whole_number(std::int64_t least) {
  return CLI::Validator(
      [least](std::string& text) {
        std::int64_t value = 0;
        const char* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data(), end, value);
        const bool is_plain = text.size() < 2 || text[0] != '0';
        if (read.ec == std::errc() && read.ptr == end && is_plain && value >= least) return std::string();
        return complaint(text, "a whole number from " + std::to_string(least) + " to 9223372036854775807");
      },
      "");
}

CLI::Validator number_above_zero() {
  return CLI::Validator(
      [](std::string& text) {
        const double value = number(text);
        return std::isfinite(value) && value > 0 ? std::string() : complaint(text, "a number above 0");
      },
      "");
}

CLI::Validator number_from_zero() {
  return CLI::Validator(
      [](std::string& text) {
        const double value = number(text);
        return std::isfinite(value) && value >= 0 ? std::string() : complaint(text, "a number from 0 up");
      },
      "");
}

void add_quiet(CLI::App& command) {
  const std::string what = "no progress and no notes, of which this command has none";
  command.add_flag("--quiet", what);
}

}  // namespace holdfast::apps
