#include "text/python_case.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "text/unicode.h"

namespace holdfast::text {
namespace {

using Points = std::vector<std::int32_t>;

const LongCase* find_long(std::int32_t c) {
  const auto found = std::lower_bound(kLongCases.begin(), kLongCases.end(), c,
                                      [](const LongCase& one, std::int32_t value) { return one.character < value; });
  return found != kLongCases.end() && found->character == c ? &*found : nullptr;
}

bool is_cased(std::int32_t c) {
  const auto category = utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT ||
         utf8proc_tolower(c) != c || utf8proc_toupper(c) != c;
}

// Characters that do not end a word where the final sigma is looked for.
bool is_case_ignorable(std::int32_t c) {
  static constexpr std::int32_t kMarks[] = {'\'', '.', ':', '^', '`', 0xB7, 0x2018, 0x2019, 0x2024, 0x2027};
  const auto category = utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME || category == UTF8PROC_CATEGORY_CF ||
         category == UTF8PROC_CATEGORY_LM || category == UTF8PROC_CATEGORY_SK ||
         std::find(std::begin(kMarks), std::end(kMarks), c) != std::end(kMarks);
}

bool is_final_sigma(const Points& points, std::size_t place) {
  std::size_t before = place, after = place + 1;
  while (before > 0 && is_case_ignorable(points[before - 1])) --before;
  while (after < points.size() && is_case_ignorable(points[after])) ++after;
  return before > 0 && is_cased(points[before - 1]) && (after == points.size() || !is_cased(points[after]));
}

void append_lower(std::string& out, const Points& points, std::size_t place) {
  const std::int32_t c = points[place];
  if (c == 0x130)
    out += "i\xCC\x87";  // the one capital whose lower case is two characters
  else
    append_utf8(out, c == 0x3A3 ? (is_final_sigma(points, place) ? 0x3C2 : 0x3C3) : utf8proc_tolower(c));
}

void append_title(std::string& out, std::int32_t c) {
  if (const LongCase* found = find_long(c))
    out += found->title;
  else
    append_utf8(out, utf8proc_totitle(c));
}

}  // namespace

std::string python_upper(std::string_view text) {
  std::string out;
  for (const std::int32_t c : code_points(text)) {
    if (const LongCase* found = find_long(c))
      out += found->upper;
    else
      append_utf8(out, utf8proc_toupper(c));
  }
  return out;
}

std::string python_lower(std::string_view text) {
  const Points points = code_points(text);
  std::string out;
  for (std::size_t i = 0; i < points.size(); ++i) append_lower(out, points, i);
  return out;
}

std::string python_title(std::string_view text) {
  const Points points = code_points(text);
  std::string out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (i > 0 && is_cased(points[i - 1]))
      append_lower(out, points, i);
    else
      append_title(out, points[i]);
  }
  return out;
}

std::string python_capitalize(std::string_view text) {
  const Points points = code_points(text);
  std::string out;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (i == 0)
      append_title(out, points[i]);
    else
      append_lower(out, points, i);
  }
  return out;
}

}  // namespace holdfast::text
