#include "text/jinja_value.h"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
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

std::string quoted(const std::string& text) {
  const bool has_single = text.find('\'') != std::string::npos, has_double = text.find('"') != std::string::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
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
  return out + quote;
}

std::string json_string(const std::string& text) {
  std::string out = "\"";
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
  return out + "\"";
}

struct JsonWriter {
  int indent;
  bool sort_keys;
  std::string item_separator, key_separator, out;

  void break_line(int depth) {
    if (indent >= 0) out += "\n" + std::string(static_cast<std::size_t>(indent) * depth, ' ');
  }
  void write(const Value& value, int depth) {
    append_limited(out, "");
    if (value.is_none())
      out += "null";
    else if (value.is_bool())
      out += value.truth() ? "true" : "false";
    else if (value.is_integer())
      out += std::to_string(value.integer());
    else if (value.is_number())
      out += float_repr(value.number());
    else if (value.is_string())
      out += json_string(value.string());
    else if (value.is_list() && !value.is_generator()) {
      if (value.list().empty()) {
        out += "[]";
        return;
      }
      out += "[";
      for (std::size_t i = 0; i < value.list().size(); ++i) {
        if (i > 0) out += item_separator;
        break_line(depth + 1);
        write(value.list()[i], depth + 1);
      }
      break_line(depth);
      out += "]";
    } else if (value.is_dict()) {
      if (value.dict().empty()) {
        out += "{}";
        return;
      }
      Dict items = value.dict();
      if (sort_keys)
        std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      out += "{";
      for (std::size_t i = 0; i < items.size(); ++i) {
        if (i > 0) out += item_separator;
        break_line(depth + 1);
        out += json_string(items[i].first) + key_separator;
        write(items[i].second, depth + 1);
      }
      break_line(depth);
      out += "}";
    } else {
      fail(ErrorKind::kBadInput, "[chat template] found ", value.type_name(),
           " given to tojson, expected data; is a variable missing?");
    }
  }
};

}  // namespace

Value::Value(List value, bool is_tuple) : data_(std::make_shared<List>()), is_tuple_(is_tuple) {
  HOLDFAST_CHECK(kBadInput, value.size() <= kMaxItems, "[chat template] found a list of ", value.size(),
                 " items, expected at most ", kMaxItems);
  for (const Value& item : value) hold(item);
  *std::get<std::shared_ptr<List>>(data_) = std::move(value);
}

Value::Value(Dict value) : data_(std::make_shared<Dict>()) {
  HOLDFAST_CHECK(kBadInput, value.size() <= kMaxItems, "[chat template] found a dict of ", value.size(),
                 " entries, expected at most ", kMaxItems);
  for (const auto& [key, item] : value) hold(item);
  *std::get<std::shared_ptr<Dict>>(data_) = std::move(value);
}

void Value::hold(const Value& item) {
  depth_ = std::max(depth_, item.depth_ + 1);
  is_data_ = is_data_ && item.is_data_;
  HOLDFAST_CHECK(kBadInput, depth_ <= kMaxNesting, "[chat template] found lists and dicts nested more than ",
                 kMaxNesting, " deep, expected less");
}

Value Value::from_json(const nlohmann::ordered_json& json) {
  if (json.is_null()) return None{};
  if (json.is_boolean()) return json.get<bool>();
  HOLDFAST_CHECK(kBadInput, !json.is_number_unsigned() || json.get<std::uint64_t>() <= INT64_MAX,
                 "[chat template] found the number ", json.dump(), ", expected one under 2^63");
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  if (json.is_array()) {
    List list;
    for (const auto& item : json) list.push_back(from_json(item));
    return list;
  }
  Dict dict;
  for (const auto& [key, item] : json.items()) dict.emplace_back(key, from_json(item));
  return dict;
}

bool Value::truth() const {
  if (is_undefined() || is_none()) return false;
  if (is_number()) return number() != 0;
  if (is_string()) return !string().empty();
  if (is_list()) return !list().empty();
  if (is_dict()) return !dict().empty();
  return true;
}

const Value* Value::find(const std::string& key) const {
  if (!is<std::shared_ptr<Dict>>()) return nullptr;
  for (const auto& [name, value] : dict()) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::string Value::type_name() const {
  if (is_undefined()) return "undefined '" + undefined_name() + "'";
  if (is_none()) return "None";
  if (is_bool()) return "bool";
  if (is_integer()) return "int";
  if (is_number()) return "float";
  if (is_string()) return "str";
  if (is_list()) return is_generator_ ? "generator" : is_tuple_ ? "tuple" : "list";
  if (is_namespace_) return "namespace";
  return is_function() ? "function" : "dict";
}

bool Value::same_object(const Value& other) const {
  if (is_list() && other.is_list()) return &list() == &other.list();
  if (is<std::shared_ptr<Dict>>() && other.is<std::shared_ptr<Dict>>()) return &dict() == &other.dict();
  return data_.index() == other.data_.index() && equal(*this, other);
}

Value Arguments::get(std::size_t place, const std::string& name, Value otherwise) const {
  if (place < positional.size()) return positional[place];
  const auto found = named.find(name);
  return found == named.end() ? otherwise : found->second;
}

void append_limited(std::string& text, std::string_view more) {
  HOLDFAST_CHECK(kBadInput, text.size() + more.size() <= kMaxText, "[chat template] found a text of more than ",
                 kMaxText, " bytes, expected less");
  text += more;
}

std::string escape_html(const std::string& text) {
  std::string out;
  for (const char c : text) {
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
}

std::string to_text(const Value& value) {
  if (value.is_undefined()) return "";
  return value.is_string() ? value.string() : to_repr(value);
}

std::string to_repr(const Value& value) {
  if (value.is_undefined()) return "Undefined";
  if (value.is_none()) return "None";
  if (value.is_bool()) return value.truth() ? "True" : "False";
  if (value.is_integer()) return std::to_string(value.integer());
  if (value.is_number()) return float_repr(value.number());
  if (value.is_string()) return quoted(value.string());
  std::string out;
  if (value.is_list()) {
    for (const Value& item : value.list()) append_limited(out, (out.empty() ? "" : ", ") + to_repr(item));
    if (value.is_tuple()) return "(" + out + (value.list().size() == 1 ? ",)" : ")");
    return "[" + out + "]";
  }
  if (value.is_function()) return "<function>";
  for (const auto& [key, item] : value.dict())
    append_limited(out, (out.empty() ? "" : ", ") + quoted(key) + ": " + to_repr(item));
  return "{" + out + "}";
}

std::string to_json(const Value& value, int indent, bool sort_keys, const std::string& item_separator,
                    const std::string& key_separator) {
  const std::string separator = !item_separator.empty() ? item_separator : indent >= 0 ? "," : ", ";
  JsonWriter writer{indent, sort_keys, separator, key_separator, {}};
  writer.write(value, 0);
  return writer.out;
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number())
    return a.is_integer() && b.is_integer() ? a.integer() == b.integer() : a.number() == b.number();
  if (a.is_string() && b.is_string()) return a.string() == b.string();
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.is_list() && b.is_list()) {
    return a.is_tuple() == b.is_tuple() &&
           std::equal(a.list().begin(), a.list().end(), b.list().begin(), b.list().end(), equal);
  }
  if (a.is_dict() && b.is_dict()) {
    if (a.dict().size() != b.dict().size()) return false;
    return std::all_of(a.dict().begin(), a.dict().end(), [&](const auto& item) {
      const Value* other = b.find(item.first);
      return other != nullptr && equal(item.second, *other);
    });
  }
  return false;
}

bool less(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return a.number() < b.number();
  if (a.is_string() && b.is_string()) return a.string() < b.string();
  if (a.is_list() && b.is_list())
    return std::lexicographical_compare(a.list().begin(), a.list().end(), b.list().begin(), b.list().end(), less);
  fail(ErrorKind::kBadInput, "[chat template] found ", a.type_name(), " compared with ", b.type_name(),
       ", expected two numbers or two texts");
}

}  // namespace holdfast::text::jinja
