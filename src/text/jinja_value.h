// Values of the template language: what Python's None, bool, int, float, str, list and dict are there, and callables.
//
// Lists and dicts are shared, as in Python; templates can change none but a namespace.  A namespace takes data alone,
// no namespace or function: so no value ever holds itself, and all are at most kMaxNesting deep.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "text/jinja_meter.h"
#include "text/marked_text.h"

namespace holdfast::text::jinja {

inline constexpr int kMaxNesting = 200;             // of lists and dicts within each other
inline constexpr std::size_t kMaxText = 64u << 20;  // bytes of one text
inline constexpr std::size_t kMaxItems = 1 << 20;   // of one list, and of one text's stretches of content

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
  Value(MarkedText value) : data_(std::make_shared<const MarkedText>(std::move(value))) {
    const MarkedText& text = *std::get<std::shared_ptr<const MarkedText>>(data_);
    Meter::spend_bytes(sizeof text + text.size() + text.content().size() * sizeof(TextRange));
  }
  Value(std::string value) : Value(MarkedText(std::move(value))) {}
  Value(const char* value) : Value(std::string(value)) {}
  // Lists and dicts throw Error(kBadInput) where they would be too long or too deep.
  Value(List value, bool is_tuple = false);
  Value(Dict value);
  Value(Function value) : data_(std::make_shared<Function>(std::move(value))), is_data_(false) {}
  static Value undefined(std::string name) {
    Value value;
    value.data_ = Undefined{std::move(name)};
    return value;
  }
  static Value name_space(Dict value) {
    Value result(std::move(value));
    HOLDFAST_CHECK(kBadInput, result.is_data_,
                   "[chat template] found a namespace or a function in a namespace, expected data");
    for (const auto& [name, item] : result.dict()) check_namespace_name(name);
    result.is_namespace_ = true;
    result.is_data_ = false;
    return result;
  }
  // The variable `loop`: read like a namespace, with a function among its entries.
  static Value loop(Dict value) {
    Value result(std::move(value));
    result.is_namespace_ = true;
    result.is_data_ = false;
    return result;
  }
  // As transformers has it: templates store nothing under a name that Python keeps for itself.
  static void check_namespace_name(const std::string& name) {
    HOLDFAST_CHECK(kBadInput, !name.starts_with('_'), "[chat template] found '", name,
                   "' in a namespace, expected a name without _ in front");
  }
  // `is_content`: all texts in it, keys of dicts too, are marked as content.
  static Value from_json(const nlohmann::ordered_json& json, bool is_content = false);

  template <typename T>
  bool is() const {
    return std::holds_alternative<T>(data_);
  }
  bool is_undefined() const { return is<Undefined>(); }
  bool is_none() const { return is<None>(); }
  bool is_bool() const { return is<bool>(); }
  bool is_integer() const { return is<std::int64_t>() || is_bool(); }
  bool is_number() const { return is_integer() || is<double>(); }
  bool is_string() const { return is<std::shared_ptr<const MarkedText>>(); }
  bool is_list() const { return is<std::shared_ptr<List>>(); }
  bool is_dict() const { return is<std::shared_ptr<Dict>>() && !is_namespace_; }
  bool is_namespace() const { return is_namespace_; }
  bool is_function() const { return is<std::shared_ptr<Function>>(); }
  bool is_data() const { return is_data_; }  // holds no namespace and no function
  bool is_tuple() const { return is_tuple_; }
  // What the filter `safe` gives: added to a plain text, it escapes that text for HTML, as markupsafe does.
  bool is_markup() const { return is_markup_; }
  static Value markup(MarkedText text) {
    Value value(std::move(text));
    value.is_markup_ = true;
    return value;
  }
  // Of a dict: its keys came from content.
  bool has_content_keys() const { return has_content_keys_; }
  static Value with_content_keys(Value dict, bool has_content_keys) {
    dict.has_content_keys_ = has_content_keys;
    return dict;
  }
  MarkedText key_text(const std::string& key) const { return MarkedText(key, has_content_keys_); }
  // What map and select give: a list to loop over, which has no length and no JSON form, as a Python generator has
  // none.
  bool is_generator() const { return is_generator_; }
  static Value generator(List items) {
    Value value(std::move(items));
    value.is_generator_ = true;
    return value;
  }

  // The value as the type that it must have.  Throw Error(kBadInput) where it has another.
  const std::string& string() const { return marked().string(); }
  const MarkedText& marked() const { return *as<std::shared_ptr<const MarkedText>>("a text"); }
  const List& list() const { return *as<std::shared_ptr<List>>("a list"); }
  const Dict& dict() const { return *as<std::shared_ptr<Dict>>("a dict"); }
  Dict& mutable_dict() const { return *as<std::shared_ptr<Dict>>("a dict"); }
  const Function& function() const { return *as<std::shared_ptr<Function>>("a function"); }
  std::int64_t integer() const { return is_bool() ? std::get<bool>(data_) : as<std::int64_t>("a whole number"); }
  double number() const { return is<double>() ? std::get<double>(data_) : static_cast<double>(integer()); }
  const std::string& undefined_name() const { return std::get<Undefined>(data_).name; }

  bool truth() const;
  const Value* find(const std::string& key) const;  // in a dict or namespace
  std::string type_name() const;                    // Python's
  bool same_object(const Value& other) const;

 private:
  template <typename T>
  const T& as(const char* expected) const {
    if (const T* value = std::get_if<T>(&data_)) return *value;
    fail(ErrorKind::kBadInput, "[chat template] found ", type_name(), ", expected ", expected);
  }
  void hold(const Value& item);  // takes over how deep the item is, and whether it is data

  std::variant<Undefined, None, bool, std::int64_t, double, std::shared_ptr<const MarkedText>, std::shared_ptr<List>,
               std::shared_ptr<Dict>, std::shared_ptr<Function>>
      data_;
  int depth_ = 0;
  bool is_tuple_ = false, is_namespace_ = false, is_generator_ = false, is_markup_ = false, is_data_ = true,
       has_content_keys_ = false;
};

struct Arguments {
  List positional;
  std::map<std::string, Value> named;

  // The argument at a place or of a name, else `otherwise`.
  Value get(std::size_t place, const std::string& name, Value otherwise = {}) const;
};

// Adds to a text that is being made.  Throws Error(kBadInput) when it grows beyond kMaxText.
void append_limited(MarkedText& text, const MarkedText& more);

MarkedText escape_html(const MarkedText& text);
MarkedText to_text(const Value& value);  // Python's str()
MarkedText to_repr(const Value& value);  // Python's repr()
// Python's json.dumps(ensure_ascii=False).  indent < 0: on one line.
MarkedText to_json(const Value& value, int indent = -1, bool sort_keys = false, const MarkedText& item_separator = {},
                   const MarkedText& key_separator = ": ");
bool equal(const Value& a, const Value& b);
bool less(const Value& a, const Value& b);  // throws Error(kBadInput) for values without an order

}  // namespace holdfast::text::jinja
