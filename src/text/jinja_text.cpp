// Values as texts: Python's str, repr and json.dumps.
#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "text/jinja_value.h"
#include "text/unicode.h"

namespace holdfast::text::jinja {
namespace {

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const double size = std::fabs(value);
  const bool is_plain = size == 0 || (size >= 1e-4 && size < 1e16);
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                 is_plain ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  std::string text(buffer, end);
  if (is_plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

// As Python's str.isprintable: nothing unassigned, no control, format or private character, no blank but the space.
bool is_printable(std::int32_t c) {
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return c == ' ';
    default:
      return true;
  }
}

// The inside of a text's repr.
std::string escaped(const std::string& text, char quote) {
  std::string out;
  for (const std::int32_t c : code_points(text)) {
    if (c == quote || c == '\\')
      out += {'\\', static_cast<char>(c)};
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (!is_printable(c)) {
      char hex[12];
      std::snprintf(hex, sizeof hex,
                    c < 0x100     ? "\\x%02x"
                    : c < 0x10000 ? "\\u%04x"
                                  : "\\U%08x",
                    static_cast<unsigned>(c));
      out += hex;
    } else
      append_utf8(out, c);
  }
  return out;
}

MarkedText quoted(const MarkedText& text) {
  const std::string& s = text.string();
  const bool has_single = s.find('\'') != std::string::npos, has_double = s.find('"') != std::string::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  MarkedText out(std::string(1, quote));
  append_limited(out, mapped(text, [quote](const std::string& one) { return escaped(one, quote); }));
  out.append(std::string_view(&quote, 1));
  return out;
}

// The inside of a JSON string.
std::string json_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char hex[8];
          std::snprintf(hex, sizeof hex, "\\u%04x", c);
          out += hex;
        } else {
          out += c;
        }
    }
  }
  return out;
}

struct JsonWriter {
  int indent;
  bool sort_keys;
  MarkedText item_separator, key_separator, out;

  void break_line(int depth) {
    if (indent >= 0) out.append("\n" + std::string(static_cast<std::size_t>(indent) * depth, ' '));
  }
  void write_string(const MarkedText& text) {
    out.append("\"");
    append_limited(out, mapped(text, json_escaped));
    out.append("\"");
  }
  void write(const Value& value, int depth) {
    append_limited(out, "");
    if (value.is_none())
      out.append("null");
    else if (value.is_bool())
      out.append(value.truth() ? "true" : "false");
    else if (value.is_integer())
      out.append(std::to_string(value.integer()));
    else if (value.is_number())
      out.append(float_repr(value.number()));
    else if (value.is_string())
      write_string(value.marked());
    else if (value.is_list() && !value.is_generator()) {
      if (value.list().empty()) {
        out.append("[]");
        return;
      }
      out.append("[");
      for (std::size_t i = 0; i < value.list().size(); ++i) {
        if (i > 0) append_limited(out, item_separator);
        break_line(depth + 1);
        write(value.list()[i], depth + 1);
      }
      break_line(depth);
      out.append("]");
    } else if (value.is_dict()) {
      if (value.dict().empty()) {
        out.append("{}");
        return;
      }
      Dict items = value.dict();
      if (sort_keys)
        std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      out.append("{");
      for (std::size_t i = 0; i < items.size(); ++i) {
        if (i > 0) append_limited(out, item_separator);
        break_line(depth + 1);
        write_string(value.key_text(items[i].first));
        append_limited(out, key_separator);
        write(items[i].second, depth + 1);
      }
      break_line(depth);
      out.append("}");
    } else {
      fail(ErrorKind::kBadInput, "[chat template] found ", value.type_name(),
           " given to tojson, expected data; is a variable missing?");
    }
  }
};

}  // namespace

void append_limited(MarkedText& text, const MarkedText& more) {
  HOLDFAST_CHECK(kBadInput, text.size() + more.size() <= kMaxText, "[chat template] found a text of more than ",
                 kMaxText, " bytes, expected less");
  HOLDFAST_CHECK(kBadInput, text.content().size() + more.content().size() <= kMaxItems,
                 "[chat template] found a text with more than ", kMaxItems, " stretches of content, expected fewer");
  text.append_marked(more);
}

MarkedText escape_html(const MarkedText& text) {
  return mapped(text, [](const std::string& one) {
    std::string out;
    for (const char c : one) {
      if (c == '&')
        out += "&amp;";
      else if (c == '<')
        out += "&lt;";
      else if (c == '>')
        out += "&gt;";
      else if (c == '\'')
        out += "&#39;";
      else if (c == '"')
        out += "&#34;";
      else
        out += c;
    }
    return out;
  });
}

MarkedText to_text(const Value& value) {
  if (value.is_undefined()) return "";
  return value.is_string() ? value.marked() : to_repr(value);
}

MarkedText to_repr(const Value& value) {
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "None";
  if (value.is_bool()) return value.truth() ? "True" : "False";
  if (value.is_integer()) return std::to_string(value.integer());
  if (value.is_number()) return float_repr(value.number());
  if (value.is_string()) return quoted(value.marked());
  if (value.is_function()) return "<function>";
  MarkedText out;
  if (value.is_list()) {
    out.append(value.is_tuple() ? "(" : "[");
    for (std::size_t i = 0; i < value.list().size(); ++i) {
      if (i > 0) out.append(", ");
      append_limited(out, to_repr(value.list()[i]));
    }
    out.append(!value.is_tuple() ? "]" : value.list().size() == 1 ? ",)" : ")");
    return out;
  }
  out.append("{");
  bool is_first = true;
  for (const auto& [key, item] : value.dict()) {
    if (!std::exchange(is_first, false)) out.append(", ");
    append_limited(out, quoted(value.key_text(key)));
    out.append(": ");
    append_limited(out, to_repr(item));
  }
  out.append("}");
  return out;
}

MarkedText to_json(const Value& value, int indent, bool sort_keys, const MarkedText& item_separator,
                   const MarkedText& key_separator) {
  const MarkedText separator = !item_separator.empty() ? item_separator : indent >= 0 ? "," : ", ";
  JsonWriter writer{indent, sort_keys, separator, key_separator, {}};
  writer.write(value, 0);
  return writer.out;
}

}  // namespace holdfast::text::jinja
