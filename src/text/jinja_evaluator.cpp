#include "text/jinja_evaluator.h"

#include <algorithm>
#include <cmath>

#include "text/jinja_builtins.h"
#include "text/unicode.h"

namespace holdfast::text::jinja {

Arguments Evaluator::evaluate(const CallArguments& from, Scope& scope) {
  Arguments arguments;
  for (const auto& value : from.positional) arguments.positional.push_back(evaluate(*value, scope));
  for (const auto& [name, value] : from.named) arguments.named[name] = evaluate(*value, scope);
  return arguments;
}

Value Evaluator::evaluate(const Expression& e, Scope& scope) {
  const DepthGuard guard(*this, e.line);
  count_steps(e.line);
  return located(e.line, [&] { return evaluate_kind(e, scope); });
}

Value Evaluator::evaluate_kind(const Expression& e, Scope& scope) {
  using Kind = Expression::Kind;
  const auto child = [&](std::size_t i) { return evaluate(*e.children[i], scope); };
  switch (e.kind) {
    case Kind::kLiteral:
      return e.literal;
    case Kind::kName: {
      const Value* found = scope.find(e.name);
      return found ? *found : Value::undefined(e.name);
    }
    case Kind::kList:
    case Kind::kTuple: {
      List list;
      for (std::size_t i = 0; i < e.children.size(); ++i) list.push_back(child(i));
      return Value(std::move(list), e.kind == Kind::kTuple);
    }
    case Kind::kDict: {
      Dict dict;
      bool has_content_keys = false;
      for (std::size_t i = 0; i < e.children.size(); i += 2) {
        const MarkedText key_text = to_text(child(i));
        const std::string& key = key_text.string();
        has_content_keys = has_content_keys || key_text.has_content();
        Meter::spend_steps(dict.size() / 64);  // every entry is looked at
        const auto same = std::find_if(dict.begin(), dict.end(), [&](const auto& item) { return item.first == key; });
        if (same != dict.end())
          same->second = child(i + 1);
        else
          dict.emplace_back(key, child(i + 1));
      }
      return Value::with_content_keys(std::move(dict), has_content_keys);
    }
    case Kind::kAttribute:
      return get_attribute(child(0), e.name);
    case Kind::kItem:
      return get_item(child(0), child(1));
    case Kind::kSlice:
      return slice(e, scope);
    case Kind::kCall:
      return call(e, scope);
    case Kind::kFilter:
      return apply_filter(e.name, counted(e, scope), evaluate(e.arguments, scope));
    case Kind::kTest:
      return apply_test(e.name, counted(e, scope), evaluate(e.arguments, scope)) != e.is_negated;
    case Kind::kUnary:
      return unary(e, child(0));
    case Kind::kBinary:
      return binary(e, scope);
    case Kind::kCompare:
      return compare(e, scope);
    case Kind::kCondition:
      if (child(1).truth()) return child(0);
      return e.children[2] ? child(2) : Value::undefined("the missing else");
  }
  return {};
}

Value Evaluator::counted(const Expression& e, Scope& scope) {
  Value value = evaluate(*e.children[0], scope);
  count_size(value, e.line);
  return value;
}

Value Evaluator::call(const Expression& e, Scope& scope) {
  // A method goes through the value that it belongs to.
  const Expression& name = *e.children[0];
  if (name.kind == Expression::Kind::kAttribute || name.kind == Expression::Kind::kItem) {
    Value value = counted(name, scope);
    const Value method = located(name.line, [&] {
      return name.kind == Expression::Kind::kAttribute ? get_attribute(value, name.name)
                                                       : get_item(value, evaluate(*name.children[1], scope));
    });
    if (!method.is_function()) complain(e.line, "found a call of ", method.type_name(), ", expected a function");
    return method.function()(evaluate(e.arguments, scope));
  }
  const Value callee = evaluate(*e.children[0], scope);
  if (!callee.is_function()) complain(e.line, "found a call of ", callee.type_name(), ", expected a function");
  return callee.function()(evaluate(e.arguments, scope));
}

// Where each character of a text begins, and where the text ends.
static std::vector<std::uint32_t> character_places(std::string_view text) {
  std::vector<std::uint32_t> places = {0};
  while (places.back() < text.size())
    places.push_back(places.back() + static_cast<std::uint32_t>(decode_utf8(text.substr(places.back())).length));
  return places;
}

Value Evaluator::slice(const Expression& e, Scope& scope) {
  const Value value = evaluate(*e.children[0], scope);
  count_size(value, e.line);
  const auto places = value.is_string() ? character_places(value.string()) : std::vector<std::uint32_t>();
  const List items = value.is_string() ? List() : iterate(value);
  const auto n = static_cast<std::int64_t>(value.is_string() ? places.size() - 1 : items.size());
  const auto part = [&](std::size_t i, std::int64_t otherwise) {
    if (e.children[i] == nullptr) return otherwise;
    const Value given = evaluate(*e.children[i], scope);
    if (given.is_none()) return otherwise;
    if (!given.is_integer()) complain(e.line, "found ", given.type_name(), " in a slice, expected a whole number");
    return given.integer();
  };
  // Beyond the value's length all steps are alike.
  const std::int64_t step = std::clamp<std::int64_t>(part(3, 1), -n - 1, n + 1);
  if (step == 0) complain(e.line, "found a slice with step 0, expected another");
  const auto clamp = [&](std::int64_t place) {
    if (place < 0) place += n;
    return std::clamp<std::int64_t>(place, step > 0 ? 0 : -1, step > 0 ? n : n - 1);
  };
  constexpr std::int64_t kNone = INT64_MIN;
  const std::int64_t first = part(1, kNone), last = part(2, kNone);
  const std::int64_t begin = first == kNone ? (step > 0 ? 0 : n - 1) : clamp(first);
  const std::int64_t end = last == kNone ? (step > 0 ? n : -1) : clamp(last);
  List out;
  MarkedText text;
  if (value.is_string() && step == 1)
    return value.marked().part(places[static_cast<std::size_t>(begin)],
                               places[static_cast<std::size_t>(std::max(begin, end))]);
  for (std::int64_t i = begin; step > 0 ? i < end : i > end; i += step) {
    if (value.is_string())
      text.append_part(value.marked(), places[static_cast<std::size_t>(i)], places[static_cast<std::size_t>(i) + 1]);
    else
      out.push_back(items[static_cast<std::size_t>(i)]);
  }
  return value.is_string() ? Value(text) : Value(std::move(out), value.is_tuple());
}

Value Evaluator::unary(const Expression& e, const Value& value) {
  if (e.name == "not") return !value.truth();
  if (!value.is_number()) complain(e.line, "found '", e.name, "' before ", value.type_name(), ", expected a number");
  if (e.name == "+") return value;
  if (!value.is_integer()) return -value.number();
  if (value.integer() == INT64_MIN) complain(e.line, "found a number over 2^63, expected a smaller one");
  return -value.integer();
}

Value Evaluator::compare(const Expression& e, Scope& scope) {
  Value left = evaluate(*e.children[0], scope);
  for (std::size_t i = 0; i < e.operators.size(); ++i) {
    Value right = evaluate(*e.children[i + 1], scope);
    count_size(right, e.line);
    const std::string& word = e.operators[i];
    const bool holds = word == "=="   ? equal(left, right)
                       : word == "!=" ? !equal(left, right)
                       : word == "<"  ? less(left, right)
                       : word == ">"  ? less(right, left)
                       : word == "<=" ? !less(right, left)
                       : word == ">=" ? !less(left, right)
                       : word == "in" ? contains(right, left)
                                      : !contains(right, left);
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Value Evaluator::binary(const Expression& e, Scope& scope) {
  Value left = evaluate(*e.children[0], scope);
  if (e.name == "and") return left.truth() ? evaluate(*e.children[1], scope) : left;
  if (e.name == "or") return left.truth() ? left : evaluate(*e.children[1], scope);
  const Value right = evaluate(*e.children[1], scope);
  if (e.name == "~") {
    MarkedText text = to_text(left);
    append_limited(text, to_text(right));
    return text;
  }
  count_size(left, e.line);
  if (left.is_undefined() || right.is_undefined()) {
    complain(e.line, "found '", left.is_undefined() ? left.undefined_name() : right.undefined_name(),
             "' undefined beside '", e.name, "', expected a value");
  }
  if (e.name == "+" && left.is_string() && right.is_string()) {
    if (!left.is_markup() && !right.is_markup()) {
      MarkedText text = left.marked();
      append_limited(text, right.marked());
      return text;
    }
    const auto part = [](const Value& value) {
      return value.is_markup() ? value.marked() : escape_html(value.marked());
    };
    MarkedText text = part(left);
    append_limited(text, part(right));
    return Value::markup(std::move(text));
  }
  if (e.name == "+" && left.is_list() && right.is_list()) {
    count_size(right, e.line);
    List list = left.list();
    list.insert(list.end(), right.list().begin(), right.list().end());
    return Value(std::move(list), left.is_tuple());
  }
  if (e.name == "*" && left.is_string() && right.is_integer()) {
    MarkedText text;
    if (left.string().empty()) return text;
    for (std::int64_t i = 0; i < right.integer(); ++i) append_limited(text, left.marked());
    return text;
  }
  if (e.name == "%" && left.is_string()) complain(e.line, "found text formatting with %, which is not supported");
  if (!left.is_number() || !right.is_number())
    complain(e.line, "found ", left.type_name(), " ", e.name, " ", right.type_name(),
             ", expected two numbers or two texts");
  return arithmetic(e, left, right);
}

Value Evaluator::arithmetic(const Expression& e, const Value& left, const Value& right) {
  const bool is_integer = left.is_integer() && right.is_integer();
  const bool divides = e.name == "/" || e.name == "//" || e.name == "%";
  if (divides && right.number() == 0) complain(e.line, "found a division by zero, expected another divisor");
  if (e.name == "/") return left.number() / right.number();
  if (e.name == "**" && !(is_integer && right.integer() >= 0)) return std::pow(left.number(), right.number());
  if (!is_integer) {
    const double a = left.number(), b = right.number();
    if (e.name == "+") return a + b;
    if (e.name == "-") return a - b;
    if (e.name == "*") return a * b;
    if (e.name == "//") return std::floor(a / b);
    return a - b * std::floor(a / b);
  }
  const std::int64_t a = left.integer(), b = right.integer();
  std::int64_t result = 0;
  bool overflows = false;
  if (e.name == "+")
    overflows = __builtin_add_overflow(a, b, &result);
  else if (e.name == "-")
    overflows = __builtin_sub_overflow(a, b, &result);
  else if (e.name == "*")
    overflows = __builtin_mul_overflow(a, b, &result);
  else if (e.name == "**") {
    result = 1;
    // Of the numbers that stay under 2^63 in more than 63 steps, the power goes by whether b is odd.
    const std::int64_t factors = b > 64 ? 64 + b % 2 : b;
    for (std::int64_t i = 0; i < factors && !overflows; ++i) overflows = __builtin_mul_overflow(result, a, &result);
  } else if (b == -1) {
    overflows = e.name == "//" && __builtin_sub_overflow(std::int64_t{0}, a, &result);
  } else {
    const std::int64_t quotient = a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
    result = e.name == "//" ? quotient : a - b * quotient;
  }
  if (overflows) complain(e.line, "found a number over 2^63, expected a smaller one");
  return result;
}

}  // namespace holdfast::text::jinja
