#include "text/jinja_builtins.h"

#include <algorithm>

#include "base/error.h"
#include "text/unicode.h"

namespace holdfast::text::jinja {

List iterate(const Value& value) {
  if (value.is_list()) return value.list();
  List items;
  if (value.is_undefined()) return items;
  if (value.is_dict()) {
    for (const auto& [key, item] : value.dict()) items.push_back(value.key_text(key));
    return items;
  }
  HOLDFAST_CHECK(kBadInput, value.is_string(), "[chat template] found ", value.type_name(),
                 " to loop over, expected a list, dict or text");
  const MarkedText& text = value.marked();
  HOLDFAST_CHECK(kBadInput, text.size() <= kMaxItems, "[chat template] found a text of ", text.size(),
                 " bytes to loop over, expected at most ", kMaxItems);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = begin + decode_utf8(std::string_view(text.string()).substr(begin)).length;
    items.push_back(text.part(begin, end));
    begin = end;
  }
  return items;
}

std::size_t length_of(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) return count_code_points(value.string());
  if (value.is_list() && !value.is_generator()) return value.list().size();
  HOLDFAST_CHECK(kBadInput, value.is_dict(), "[chat template] found ", value.type_name(),
                 " without a length, expected a list, dict or text");
  return value.dict().size();
}

bool contains(const Value& container, const Value& value) {
  if (container.is_string()) {
    HOLDFAST_CHECK(kBadInput, value.is_string(), "[chat template] found ", value.type_name(),
                   " looked for in a text, expected a text");
    return find_text(container.string(), value.string()) != std::string::npos;
  }
  if (container.is_dict()) return value.is_string() && container.find(value.string()) != nullptr;
  const List items = iterate(container);
  return std::any_of(items.begin(), items.end(), [&](const Value& item) { return equal(item, value); });
}

Value get_attribute(const Value& value, const std::string& name) {
  HOLDFAST_CHECK(kBadInput, !value.is_undefined(), "[chat template] found '", value.undefined_name(),
                 "' undefined where its '", name, "' is asked for, expected a value");
  if (value.is_namespace()) {
    const Value* found = value.find(name);
    return found ? *found : Value::undefined(name);
  }
  if (Value method = find_method(value, name); !method.is_undefined()) return method;
  if (const Value* found = value.find(name)) return *found;
  return Value::undefined(name);
}

Value get_item(const Value& value, const Value& key) {
  HOLDFAST_CHECK(kBadInput, !value.is_undefined(), "[chat template] found '", value.undefined_name(),
                 "' undefined where an item of it is asked for, expected a value");
  if (key.is_string()) {
    if (const Value* found = value.find(key.string())) return *found;
    if (Value method = find_method(value, key.string()); !method.is_undefined()) return method;
    return Value::undefined(key.string());
  }
  if (key.is_integer() && (value.is_list() || value.is_string())) {
    const auto n = static_cast<std::int64_t>(value.is_list() ? value.list().size() : length_of(value));
    const std::int64_t place = key.integer() < 0 ? key.integer() + n : key.integer();
    if (place >= 0 && place < n) {
      if (value.is_list()) return value.list()[static_cast<std::size_t>(place)];
      const std::string_view text = value.string();
      std::size_t begin = 0;
      for (std::int64_t i = 0; i < place; ++i) begin += decode_utf8(text.substr(begin)).length;
      return value.marked().part(begin, begin + decode_utf8(text.substr(begin)).length);
    }
  }
  return Value::undefined(to_text(key).string());
}

}  // namespace holdfast::text::jinja
