// Filters, tests, and the methods of texts, lists and dicts that templates call.
#pragma once

#include <string>

#include "text/jinja_value.h"

namespace holdfast::text::jinja {

// Applies filters and tests by name, so that map, select and reject can name them.
// Throws Error(kBadInput) for a name that is not known, or arguments that it cannot take.
Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments);
bool apply_test(const std::string& name, const Value& value, const Arguments& arguments);

// The method `name` bound to `value`; undefined when there is none.
Value find_method(const Value& value, const std::string& name);

// value.name: a method first, then an entry.  value[key]: an entry first.
Value get_attribute(const Value& value, const std::string& name);
Value get_item(const Value& value, const Value& key);

// What a loop goes through: a list's items, a dict's keys, a text's characters; undefined has none.
List iterate(const Value& value);
std::size_t length_of(const Value& value);
bool contains(const Value& container, const Value& value);

}  // namespace holdfast::text::jinja
