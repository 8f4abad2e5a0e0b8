#include "text/jinja_value.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::text::jinja {
Value::Value(List value, bool is_tuple) : data_(std::make_shared<List>()), is_tuple_(is_tuple) {
  HOLDFAST_CHECK(kBadInput, value.size() <= kMaxItems, "[chat template] found a list of ", value.size(),
                 " items, expected at most ", kMaxItems);
  Meter::spend_bytes(sizeof(List) + value.size() * sizeof(Value));
  for (const Value& item : value) hold(item);
  *std::get<std::shared_ptr<List>>(data_) = std::move(value);
}

Value::Value(Dict value) : data_(std::make_shared<Dict>()) {
  HOLDFAST_CHECK(kBadInput, value.size() <= kMaxItems, "[chat template] found a dict of ", value.size(),
                 " entries, expected at most ", kMaxItems);
  Meter::spend_bytes(sizeof(Dict) + value.size() * sizeof(Dict::value_type));
  for (const auto& [key, item] : value) hold(item);
  *std::get<std::shared_ptr<Dict>>(data_) = std::move(value);
}

void Value::hold(const Value& item) {
  depth_ = std::max(depth_, item.depth_ + 1);
  is_data_ = is_data_ && item.is_data_;
  HOLDFAST_CHECK(kBadInput, depth_ <= kMaxNesting, "[chat template] found lists and dicts nested more than ",
                 kMaxNesting, " deep, expected less");
}

Value Value::from_json(const nlohmann::ordered_json& json, bool is_content) {
  if (json.is_null()) return None{};
  if (json.is_boolean()) return json.get<bool>();
  HOLDFAST_CHECK(kBadInput, !json.is_number_unsigned() || json.get<std::uint64_t>() <= INT64_MAX,
                 "[chat template] found the number ", json.dump(), ", expected one under 2^63");
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return MarkedText(json.get<std::string>(), is_content);
  if (json.is_array()) {
    List list;
    for (const auto& item : json) list.push_back(from_json(item, is_content));
    return list;
  }
  Dict dict;
  for (const auto& [key, item] : json.items()) dict.emplace_back(key, from_json(item, is_content));
  return with_content_keys(std::move(dict), is_content);
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
  Meter::spend_steps(dict().size() / 64);  // every entry is looked at
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

namespace {

// Comparing goes through both, and through lists within lists again and again.
void spend_comparison(const Value& a, const Value& b) {
  const bool are_texts = a.is_string() && b.is_string();
  Meter::spend_steps(1 + (are_texts ? std::min(a.string().size(), b.string().size()) / 256 : 0));
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  spend_comparison(a, b);
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
  spend_comparison(a, b);
  if (a.is_number() && b.is_number()) return a.number() < b.number();
  if (a.is_string() && b.is_string()) return a.string() < b.string();
  if (a.is_list() && b.is_list())
    return std::lexicographical_compare(a.list().begin(), a.list().end(), b.list().begin(), b.list().end(), less);
  fail(ErrorKind::kBadInput, "[chat template] found ", a.type_name(), " compared with ", b.type_name(),
       ", expected two numbers or two texts");
}

}  // namespace holdfast::text::jinja
