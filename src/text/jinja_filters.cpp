// Filters and tests, as jinja2 and transformers define them.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "text/jinja_builtins.h"
#include "text/unicode.h"

namespace holdfast::text::jinja {
namespace {

using A = const Arguments&;
using V = const Value&;

// The attribute of an item by a path "a.b" or a number, as map and selectattr name it.
Value attribute_of(V item, V path) {
  if (path.is_integer()) return get_item(item, path);
  Value value = item;
  std::string rest = path.string();
  for (;;) {
    const std::size_t dot = rest.find('.');
    const std::string part = rest.substr(0, dot);
    const bool is_number = !part.empty() && part.size() < 18 &&
                           std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (value.is_undefined()) return value;
    value = is_number ? get_item(value, static_cast<std::int64_t>(std::stoll(part))) : get_item(value, part);
    if (dot == std::string::npos) return value;
    rest = rest.substr(dot + 1);
  }
}

Arguments without(A arguments, std::size_t count) {
  Arguments rest;
  rest.positional.assign(
      arguments.positional.begin() + static_cast<std::ptrdiff_t>(std::min(count, arguments.positional.size())),
      arguments.positional.end());
  rest.named = arguments.named;
  return rest;
}

// What sort and unique compare texts by, unless they are to be exact.
Value caseless(V value) {
  if (!value.is_string()) return value;
  Meter::spend_steps(value.string().size() / 4);
  return to_lower(value.string());
}

// select, reject, selectattr, rejectattr.
Value choose(V value, A arguments, bool by_attribute, bool keeps) {
  List chosen;
  const std::size_t skip = by_attribute ? 1 : 0;
  const bool has_test = arguments.positional.size() > skip;
  HOLDFAST_CHECK(kBadInput, !by_attribute || !arguments.positional.empty(),
                 "[chat template] found selectattr or rejectattr without an attribute, expected one");
  if (!value.truth()) return Value::generator({});
  for (V item : iterate(value)) {
    const Value subject = by_attribute ? attribute_of(item, arguments.positional[0]) : item;
    const bool holds =
        has_test ? apply_test(to_text(arguments.positional[skip]).string(), subject, without(arguments, skip + 1))
                 : subject.truth();
    if (holds == keeps) chosen.push_back(item);
  }
  return Value::generator(std::move(chosen));
}

Value map(V value, A arguments) {
  List mapped;
  const auto attribute = arguments.named.find("attribute");
  const Value otherwise = arguments.get(99, "default");
  if (!value.truth()) return Value::generator({});
  for (V item : iterate(value)) {
    if (attribute != arguments.named.end()) {
      Value found = attribute_of(item, attribute->second);
      mapped.push_back(found.is_undefined() && arguments.named.count("default") > 0 ? otherwise : found);
    } else {
      HOLDFAST_CHECK(kBadInput, !arguments.positional.empty(),
                     "[chat template] found map without a filter, expected one");
      mapped.push_back(apply_filter(to_text(arguments.positional[0]).string(), item, without(arguments, 1)));
    }
  }
  return Value::generator(std::move(mapped));
}

Value join(V value, A arguments) {
  const MarkedText separator = to_text(arguments.get(0, "d", ""));
  const Value attribute = arguments.get(1, "attribute");
  MarkedText out;
  bool is_first = true;
  for (V item : iterate(value)) {
    if (!is_first) append_limited(out, separator);
    append_limited(out,
                   to_text(attribute.is_undefined() || attribute.is_none() ? item : attribute_of(item, attribute)));
    is_first = false;
  }
  return out;
}

Value sort(V value, A arguments) {
  List items = iterate(value);
  const bool is_reversed = arguments.get(0, "reverse", false).truth(),
             is_exact = arguments.get(1, "case_sensitive", false).truth();
  const Value attribute = arguments.get(2, "attribute");
  std::vector<std::pair<Value, Value>> keyed;  // key and item
  for (V item : items) {
    const Value subject = attribute.is_undefined() || attribute.is_none() ? item : attribute_of(item, attribute);
    keyed.emplace_back(is_exact ? subject : caseless(subject), item);
  }
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return is_reversed ? less(b.first, a.first) : less(a.first, b.first);
  });
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = keyed[i].second;
  return items;
}

Value dictsort(V value) {
  Dict items = value.dict();
  std::stable_sort(items.begin(), items.end(),
                   [](const auto& a, const auto& b) { return to_lower(a.first) < to_lower(b.first); });
  List out;
  for (const auto& [key, item] : items) out.push_back(Value(List{value.key_text(key), item}, true));
  return out;
}

// Toward zero, as Python's int(); it knows numbers of any size, we know those of 64 bits.
Value truncated(double number) {
  HOLDFAST_CHECK(kBadInput, std::fabs(number) < 9.2e18, "[chat template] found ", number,
                 " made an int, expected a number under 2^63");
  return static_cast<std::int64_t>(number);
}

Value to_integer(V value, A arguments) {
  if (value.is_integer()) return value.integer();
  if (value.is_number()) return truncated(value.number());
  if (value.is_string()) {
    const std::string text = strip_right(strip_left(value.string()));
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    if (!text.empty() && *end == '\0' && std::isfinite(number)) return truncated(number);
  }
  return arguments.get(0, "default", std::int64_t{0});
}

Value to_float(V value, A arguments) {
  if (value.is_number()) return value.number();
  if (value.is_string()) {
    const std::string text = strip_right(strip_left(value.string()));
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    if (!text.empty() && *end == '\0') return number;
  }
  return arguments.get(0, "default", 0.0);
}

MarkedText indent(const MarkedText& text, A arguments) {
  const Value width = arguments.get(0, "width", std::int64_t{4});
  const MarkedText pad =
      width.is_string()
          ? width.marked()
          : std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(width.integer(), 0, 1000)), ' ');
  const bool with_first = arguments.get(1, "first", false).truth(),
             with_blank = arguments.get(2, "blank", false).truth();
  MarkedText out;
  std::size_t begin = 0;
  for (bool is_first = true; begin <= text.size(); is_first = false) {
    const std::size_t end = std::min(text.string().find('\n', begin), text.size());
    if (is_first ? with_first : with_blank || begin < end) append_limited(out, pad);
    append_limited(out, text.part(begin, std::min(end + 1, text.size())));  // with its line end
    begin = end + 1;
  }
  return out;
}

Value reverse(V value) {
  List items = iterate(value);
  std::reverse(items.begin(), items.end());
  if (!value.is_string()) return items;
  return join(items, {});
}

Value unique(V value) {
  constexpr std::size_t kMost = 10'000;  // each is compared with all before it
  List out, keys;
  const List items = iterate(value);
  HOLDFAST_CHECK(kBadInput, items.size() <= kMost, "[chat template] found ", items.size(),
                 " items given to unique, expected at most ", kMost);
  for (V item : items) {
    const Value key = caseless(item);
    if (std::any_of(keys.begin(), keys.end(), [&](V other) { return equal(other, key); })) continue;
    out.push_back(item);
    keys.push_back(key);
  }
  return out;
}

// "common" rounds as Python does: by the exact value, a tie to the even digit; an int stays one.
Value round(V value, A arguments) {
  const auto precision = std::clamp<std::int64_t>(arguments.get(0, "precision", std::int64_t{0}).integer(), -300, 300);
  const std::string method = to_text(arguments.get(1, "method", "common")).string();
  const double number = value.number(), scale = std::pow(10.0, static_cast<double>(precision));
  if (method == "ceil") return std::ceil(number * scale) / scale;
  if (method == "floor") return std::floor(number * scale) / scale;
  HOLDFAST_CHECK(kBadInput, method == "common", "[chat template] found the rounding '", method,
                 "', expected common, ceil or floor");
  if (value.is_integer() && precision >= 0) return value.integer();
  if (precision < 0 || !std::isfinite(number)) {
    const double rounded = std::nearbyint(number * scale) / scale;
    return value.is_integer() ? truncated(rounded) : Value(rounded);
  }
  std::string text(700, '\0');
  std::snprintf(text.data(), text.size(), "%.*f", static_cast<int>(precision), number);
  return std::strtod(text.c_str(), nullptr);
}

Value tojson(V value, A arguments) {
  // transformers' own: (value, ensure_ascii=False, indent=None, separators=None, sort_keys=False)
  const Value width =
      arguments.get(1, "indent", arguments.positional.size() == 1 ? arguments.positional[0] : Value(None{}));
  const Value separators = arguments.get(2, "separators", None{});
  const int columns = width.is_none() || width.is_undefined() || width.is_bool()
                          ? -1
                          : static_cast<int>(std::clamp<std::int64_t>(width.integer(), 0, 1000));
  const bool sorts = arguments.get(3, "sort_keys", false).truth();
  if (separators.is_list() && separators.list().size() == 2)
    return to_json(value, columns, sorts, to_text(separators.list()[0]), to_text(separators.list()[1]));
  return to_json(value, columns, sorts);
}

}  // namespace

namespace {

// What a filter or a test goes through.
void spend_on(V value) {
  Meter::spend_steps(1 + (value.is_string() ? value.string().size() / 256 : 0) +
                     (value.is_list() ? value.list().size() / 8 : 0));
}

}  // namespace

Value apply_filter(const std::string& name, V value, A a) {
  spend_on(value);
  const auto text_method = [&](const char* method) { return find_method(Value(to_text(value)), method).function()(a); };
  if (name == "default" || name == "d") {
    const bool is_missing = value.is_undefined() || (a.get(1, "boolean", false).truth() && !value.truth());
    return is_missing ? a.get(0, "default_value", "") : value;
  }
  if (name == "trim") return text_method("strip");
  if (name == "upper" || name == "lower" || name == "title" || name == "capitalize") return text_method(name.c_str());
  if (name == "replace") return text_method("replace");
  if (name == "tojson") return tojson(value, a);
  if (name == "length" || name == "count") return static_cast<std::int64_t>(length_of(value));
  if (name == "join") return join(value, a);
  if (name == "string") return to_text(value);
  if (name == "safe") return Value::markup(to_text(value));
  if (name == "escape" || name == "e")
    return Value::markup(value.is_markup() ? value.marked() : escape_html(to_text(value)));
  if (name == "list") return iterate(value);
  if (name == "int") return to_integer(value, a);
  if (name == "float") return to_float(value, a);
  if (name == "first" || name == "last") {
    const List items = iterate(value);
    if (items.empty()) return Value::undefined(name);
    return name == "first" ? items.front() : items.back();
  }
  if (name == "map") return map(value, a);
  if (name == "select") return choose(value, a, false, true);
  if (name == "reject") return choose(value, a, false, false);
  if (name == "selectattr") return choose(value, a, true, true);
  if (name == "rejectattr") return choose(value, a, true, false);
  if (name == "items") return value.is_undefined() ? Value(List{}) : find_method(value, "items").function()({});
  if (name == "dictsort") return dictsort(value);
  if (name == "sort") return sort(value, a);
  if (name == "unique") return unique(value);
  if (name == "reverse") return reverse(value);
  if (name == "indent") return indent(to_text(value), a);
  if (name == "abs") {
    if (!value.is_integer()) return std::fabs(value.number());
    HOLDFAST_CHECK(kBadInput, value.integer() > INT64_MIN,
                   "[chat template] found abs of -2^63, expected a smaller number");
    return std::abs(value.integer());
  }
  if (name == "round") return round(value, a);
  if (name == "min" || name == "max") {
    const List items = iterate(value);
    if (items.empty()) return Value::undefined(name);
    return name == "min" ? *std::min_element(items.begin(), items.end(), less)
                         : *std::max_element(items.begin(), items.end(), less);
  }
  if (name == "sum") {
    double total = 0;
    bool is_integer = true;
    for (V item : iterate(value)) total += item.number(), is_integer = is_integer && item.is_integer();
    return is_integer ? truncated(total) : Value(total);
  }
  fail(ErrorKind::kBadInput, "[chat template] found the filter '", name,
       "', expected one that docs/formats/chat_template.md lists");
}

bool apply_test(const std::string& name, V value, A a) {
  spend_on(value);
  const Value other = a.get(0, "other");
  if (name == "defined") return !value.is_undefined();
  if (name == "undefined") return value.is_undefined();
  if (name == "none") return value.is_none();
  if (name == "string") return value.is_string();
  if (name == "mapping") return value.is_dict();
  if (name == "sequence") return value.is_string() || value.is_list() || value.is_dict();
  if (name == "iterable") return value.is_string() || value.is_list() || value.is_dict() || value.is_undefined();
  if (name == "number") return value.is_number();
  if (name == "integer") return value.is_integer() && !value.is_bool();
  if (name == "float") return value.is<double>();
  if (name == "boolean") return value.is_bool();
  if (name == "true") return value.is_bool() && value.truth();
  if (name == "false") return value.is_bool() && !value.truth();
  if (name == "callable") return value.is_function();
  if (name == "odd") return value.integer() % 2 != 0;
  if (name == "even") return value.integer() % 2 == 0;
  if (name == "divisibleby") {
    HOLDFAST_CHECK(kBadInput, other.is_integer() && other.integer() != 0, "[chat template] found divisibleby ",
                   to_repr(other).string(), ", expected a whole number that is not 0");
    return (other.integer() == -1 || value.integer() % other.integer() == 0);
  }
  if (name == "eq" || name == "equalto" || name == "==") return equal(value, other);
  if (name == "ne" || name == "!=") return !equal(value, other);
  if (name == "lt" || name == "lessthan" || name == "<") return less(value, other);
  if (name == "gt" || name == "greaterthan" || name == ">") return less(other, value);
  if (name == "le" || name == "<=") return !less(other, value);
  if (name == "ge" || name == ">=") return !less(value, other);
  if (name == "in") return contains(other, value);
  if (name == "sameas") return value.same_object(other);
  if (name == "lower") return value.is_string() && find_method(value, "islower").function()({}).truth();
  if (name == "upper") return value.is_string() && find_method(value, "isupper").function()({}).truth();
  fail(ErrorKind::kBadInput, "[chat template] found the test '", name,
       "', expected one that docs/formats/chat_template.md lists");
}

}  // namespace holdfast::text::jinja
