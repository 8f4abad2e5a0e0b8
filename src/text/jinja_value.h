// Values of the template language: what Python's None, bool, int, float, str, list and dict are there, and callables.
//
// Lists and dicts are shared, as in Python; templates can change none but a namespace.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace holdfast::text::jinja {

class Value;
using List = std::vector<Value>;
using Dict = std::vector<std::pair<std::string, Value>>;  // in order of insertion
struct Arguments;
using Function = std::function<Value(const Arguments&)>;

struct Undefined {
  std::string name;
};
struct None {};

class Value {
 public:
  Value() : data_(Undefined{}) {}
  Value(None) : data_(None{}) {}
  Value(bool value) : data_(value) {}
  Value(std::int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(List value, bool is_tuple = false) : data_(std::make_shared<List>(std::move(value))), is_tuple_(is_tuple) {}
  Value(Dict value) : data_(std::make_shared<Dict>(std::move(value))) {}
  Value(Function value) : data_(std::make_shared<Function>(std::move(value))) {}
  static Value undefined(std::string name) {
    Value value;
    value.data_ = Undefined{std::move(name)};
    return value;
  }
  static Value name_space(Dict value) {
    Value result(std::move(value));
    result.is_namespace_ = true;
    return result;
  }
  static Value from_json(const nlohmann::ordered_json& json);

  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(data_);
  }
  bool is_undefined() const { return is<Undefined>(); }
  bool is_none() const { return is<None>(); }
  bool is_bool() const { return is<bool>(); }
  bool is_integer() const { return is<std::int64_t>() || is_bool(); }
  bool is_number() const { return is_integer() || is<double>(); }
  bool is_string() const { return is<std::string>(); }
  bool is_list() const { return is<std::shared_ptr<List>>(); }
  bool is_dict() const { return is<std::shared_ptr<Dict>>() && !is_namespace_; }
  bool is_namespace() const { return is_namespace_; }
  bool is_function() const { return is<std::shared_ptr<Function>>(); }
  bool is_tuple() const { return is_tuple_; }
  // What the filter `safe` gives: added to a plain text, it escapes that text for HTML, as markupsafe does.
  bool is_markup() const { return is_markup_; }
  static Value markup(std::string text) {
    Value value(std::move(text));
    value.is_markup_ = true;
    return value;
  }
  // What map and select give: a list to loop over, which has no length and no JSON form, as a Python generator has
  // none.
  bool is_generator() const { return is_generator_; }
  static Value generator(List items) {
    Value value(std::move(items));
    value.is_generator_ = true;
    return value;
  }

  const std::string& string() const { return std::get<std::string>(data_); }
  const List& list() const { return *std::get<std::shared_ptr<List>>(data_); }
  const Dict& dict() const { return *std::get<std::shared_ptr<Dict>>(data_); }
  Dict& mutable_dict() const { return *std::get<std::shared_ptr<Dict>>(data_); }
  const Function& function() const { return *std::get<std::shared_ptr<Function>>(data_); }
  std::int64_t integer() const { return is_bool() ? std::get<bool>(data_) : std::get<std::int64_t>(data_); }
  double number() const { return is<double>() ? std::get<double>(data_) : static_cast<double>(integer()); }
  const std::string& undefined_name() const { return std::get<Undefined>(data_).name; }

  bool truth() const;
  const Value* find(const std::string& key) const;  // in a dict or namespace
  std::string type_name() const;                    // Python's
  bool same_object(const Value& other) const;

 private:
  std::variant<Undefined, None, bool, std::int64_t, double, std::string, std::shared_ptr<List>, std::shared_ptr<Dict>,
               std::shared_ptr<Function>>
      data_;
  bool is_tuple_ = false, is_namespace_ = false, is_generator_ = false, is_markup_ = false;
};

struct Arguments {
  List positional;
  std::map<std::string, Value> named;

  // The argument at a place or of a name, else `otherwise`.
  Value get(std::size_t place, const std::string& name, Value otherwise = {}) const;
};

std::string escape_html(const std::string& text);
std::string to_text(const Value& value);  // Python's str()
std::string to_repr(const Value& value);  // Python's repr()
// Python's json.dumps(ensure_ascii=False).  indent < 0: on one line.
std::string to_json(const Value& value, int indent = -1, bool sort_keys = false, const std::string& item_separator = "",
                    const std::string& key_separator = ": ");
bool equal(const Value& a, const Value& b);
bool less(const Value& a, const Value& b);  // throws Error(kBadInput) for values without an order

}  // namespace holdfast::text::jinja
