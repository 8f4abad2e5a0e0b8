#include "text/jinja_interpreter.h"

#include <cmath>
#include <memory>

#include "base/error.h"
#include "text/jinja_builtins.h"
#include "text/unicode.h"

namespace holdfast::text::jinja {
namespace {

struct Scope {
  std::map<std::string, Value> variables;
  Scope* parent = nullptr;

  const Value* find(const std::string& name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent) {
      const auto found = scope->variables.find(name);
      if (found != scope->variables.end()) return &found->second;
    }
    return nullptr;
  }
};

enum class Flow { kOn, kBreak, kContinue };

class Interpreter {
 public:
  explicit Interpreter(const std::string& name) : name_(name) {}

  Flow execute(const Block& block, Scope& scope, std::string& out) {
    for (const auto& statement : block) {
      const Flow flow = execute(*statement, scope, out);
      if (flow != Flow::kOn) return flow;
    }
    return Flow::kOn;
  }

 private:
  template <typename... Parts>
  [[noreturn]] void complain(int line, const Parts&... parts) const {
    fail(ErrorKind::kBadInput, "[chat template] ", name_, ":", line, ": ", parts...);
  }

  // Adds the template's name and line to a complaint that does not have them yet.
  template <typename Body>
  auto located(int line, const Body& body) -> decltype(body()) {
    try {
      return body();
    } catch (const Error& error) {
      const std::string message = error.what(), prefix = "[chat template] ";
      if (message.starts_with(prefix + name_ + ":") || !message.starts_with(prefix)) throw;
      complain(line, message.substr(prefix.size()));
    }
  }

  void count_step(int line) {
    if (++steps_ > kMaxSteps)
      complain(line, "found more than ", kMaxSteps, " steps, expected the template to end; is there an endless loop?");
  }

  void write(std::string& out, const std::string& text, int line) {
    out += text;
    if (out.size() > kMaxOutput) complain(line, "found more than ", kMaxOutput, " bytes of output, expected less");
  }

  Flow execute(const Statement& s, Scope& scope, std::string& out) {
    count_step(s.line);
    switch (s.kind) {
      case Statement::Kind::kText:
        write(out, s.text, s.line);
        return Flow::kOn;
      case Statement::Kind::kPrint:
        write(out, to_text(evaluate(*s.expression, scope)), s.line);
        return Flow::kOn;
      case Statement::Kind::kIf:
        return execute(evaluate(*s.expression, scope).truth() ? s.body : s.otherwise, scope, out);
      case Statement::Kind::kFor:
        return execute_for(s, scope, out);
      case Statement::Kind::kSet:
        assign(s, evaluate(*s.expression, scope), scope);
        return Flow::kOn;
      case Statement::Kind::kSetBlock:
        assign(s, body_of(s, scope), scope);
        return Flow::kOn;
      case Statement::Kind::kFilterBlock:
        write(out, to_text(body_of(s, scope)), s.line);
        return Flow::kOn;
      case Statement::Kind::kMacro:
        scope.variables[s.text] = make_macro(s, scope);
        return Flow::kOn;
      case Statement::Kind::kGroup:
        return execute(s.body, scope, out);
      case Statement::Kind::kBreak:
        return Flow::kBreak;
      case Statement::Kind::kContinue:
        return Flow::kContinue;
    }
    return Flow::kOn;
  }

  // The text of a block, through the statement's filters when it has some.
  Value body_of(const Statement& s, Scope& scope) {
    std::string text;
    Scope inner{{}, &scope};
    execute(s.body, inner, text);
    if (s.expression == nullptr) return text;
    inner.variables["@body"] = text;
    return evaluate(*s.expression, inner);
  }

  void assign(const Statement& s, const Value& value, Scope& scope) {
    if (s.is_attribute) {
      const Value* target = scope.find(s.names[0]);
      if (target == nullptr || !target->is_namespace())
        complain(s.line, "found an assignment to an attribute of '", s.names[0], "', expected a namespace");
      for (auto& [name, old] : target->mutable_dict()) {
        if (name == s.names[1]) {
          old = value;
          return;
        }
      }
      target->mutable_dict().emplace_back(s.names[1], value);
      return;
    }
    bind(s.names, value, scope, s.line);
  }

  void bind(const std::vector<std::string>& names, const Value& value, Scope& scope, int line) {
    if (names.size() == 1) {
      scope.variables[names[0]] = value;
      return;
    }
    const List items = located(line, [&] { return iterate(value); });
    if (items.size() != names.size())
      complain(line, "found ", items.size(), " values for ", names.size(), " variables, expected the same number");
    for (std::size_t i = 0; i < names.size(); ++i) scope.variables[names[i]] = items[i];
  }

  Flow execute_for(const Statement& s, Scope& scope, std::string& out) {
    const Value iterable = evaluate(*s.expression, scope);
    List items = located(s.line, [&] { return iterate(iterable); });
    if (s.filter != nullptr) {
      List kept;
      for (const Value& item : items) {
        Scope inner{{}, &scope};
        bind(s.names, item, inner, s.line);
        if (evaluate(*s.filter, inner).truth()) kept.push_back(item);
      }
      items = std::move(kept);
    }
    if (items.empty()) return execute(s.otherwise, scope, out);
    const auto n = static_cast<std::int64_t>(items.size());
    const std::int64_t depth = ++loop_depth_;
    for (std::int64_t i = 0; i < n; ++i) {
      Scope inner{{}, &scope};
      bind(s.names, items[static_cast<std::size_t>(i)], inner, s.line);
      Dict loop = {{"index", i + 1},     {"index0", i},        {"revindex", n - i}, {"revindex0", n - i - 1},
                   {"first", i == 0},    {"last", i == n - 1}, {"length", n},       {"depth", depth},
                   {"depth0", depth - 1}};
      loop.emplace_back("previtem", i > 0 ? items[static_cast<std::size_t>(i - 1)] : Value::undefined("previtem"));
      loop.emplace_back("nextitem", i + 1 < n ? items[static_cast<std::size_t>(i + 1)] : Value::undefined("nextitem"));
      loop.emplace_back("cycle", Value(Function([i](const Arguments& arguments) {
                          HOLDFAST_CHECK(kBadInput, !arguments.positional.empty(),
                                         "[chat template] found cycle() without values, expected some");
                          return arguments.positional[static_cast<std::size_t>(i) % arguments.positional.size()];
                        })));
      inner.variables["loop"] = Value::name_space(std::move(loop));
      if (execute(s.body, inner, out) == Flow::kBreak) break;
    }
    --loop_depth_;
    return Flow::kOn;
  }

  Value make_macro(const Statement& s, Scope& scope) {
    // A macro sees the variables of the place it is defined at, as they are when it is called.
    return Function([this, &s, &scope](const Arguments& arguments) -> Value {
      if (++call_depth_ > 100) complain(s.line, "found macro calls nested more than 100 deep, expected less");
      Scope inner{{}, &scope};
      if (arguments.positional.size() > s.parameters.size())
        complain(s.line, "found ", arguments.positional.size(), " arguments for macro '", s.text,
                 "', expected at most ", s.parameters.size());
      for (std::size_t i = 0; i < s.parameters.size(); ++i) {
        const Parameter& parameter = s.parameters[i];
        Value value = arguments.get(i, parameter.name, Value::undefined(parameter.name));
        const bool is_given = i < arguments.positional.size() || arguments.named.count(parameter.name) > 0;
        if (!is_given && parameter.otherwise != nullptr) value = evaluate(*parameter.otherwise, inner);
        inner.variables[parameter.name] = value;
      }
      for (const auto& [name, value] : arguments.named) {
        if (inner.variables.count(name) == 0)
          complain(s.line, "found argument '", name, "' for macro '", s.text, "', which has no such parameter");
      }
      std::string text;
      execute(s.body, inner, text);
      --call_depth_;
      return text;
    });
  }

  Arguments evaluate(const CallArguments& from, Scope& scope) {
    Arguments arguments;
    for (const auto& value : from.positional) arguments.positional.push_back(evaluate(*value, scope));
    for (const auto& [name, value] : from.named) arguments.named[name] = evaluate(*value, scope);
    return arguments;
  }

  Value evaluate(const Expression& e, Scope& scope) {
    count_step(e.line);
    return located(e.line, [&] { return evaluate_kind(e, scope); });
  }

  Value evaluate_kind(const Expression& e, Scope& scope) {
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
        Value dict{Dict{}};
        for (std::size_t i = 0; i < e.children.size(); i += 2)
          dict.mutable_dict().emplace_back(to_text(child(i)), child(i + 1));
        return dict;
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
        return apply_filter(e.name, child(0), evaluate(e.arguments, scope));
      case Kind::kTest:
        return apply_test(e.name, child(0), evaluate(e.arguments, scope)) != e.is_negated;
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

  Value call(const Expression& e, Scope& scope) {
    const Value callee = evaluate(*e.children[0], scope);
    if (!callee.is_function()) complain(e.line, "found a call of ", callee.type_name(), ", expected a function");
    return callee.function()(evaluate(e.arguments, scope));
  }

  Value slice(const Expression& e, Scope& scope) {
    const Value value = evaluate(*e.children[0], scope);
    const List items = iterate(value);
    const auto n = static_cast<std::int64_t>(items.size());
    const auto part = [&](std::size_t i, std::int64_t otherwise) {
      if (e.children[i] == nullptr) return otherwise;
      const Value given = evaluate(*e.children[i], scope);
      if (given.is_none()) return otherwise;
      if (!given.is_integer()) complain(e.line, "found ", given.type_name(), " in a slice, expected a whole number");
      return given.integer();
    };
    const std::int64_t step = part(3, 1);
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
    for (std::int64_t i = begin; step > 0 ? i < end : i > end; i += step)
      out.push_back(items[static_cast<std::size_t>(i)]);
    if (!value.is_string()) return Value(std::move(out), value.is_tuple());
    std::string text;
    for (const Value& item : out) text += item.string();
    return text;
  }

  Value unary(const Expression& e, const Value& value) {
    if (e.name == "not") return !value.truth();
    if (!value.is_number()) complain(e.line, "found '", e.name, "' before ", value.type_name(), ", expected a number");
    if (e.name == "+") return value;
    return value.is_integer() ? Value(-value.integer()) : Value(-value.number());
  }

  Value compare(const Expression& e, Scope& scope) {
    Value left = evaluate(*e.children[0], scope);
    for (std::size_t i = 0; i < e.operators.size(); ++i) {
      Value right = evaluate(*e.children[i + 1], scope);
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

  Value binary(const Expression& e, Scope& scope) {
    Value left = evaluate(*e.children[0], scope);
    if (e.name == "and") return left.truth() ? evaluate(*e.children[1], scope) : left;
    if (e.name == "or") return left.truth() ? left : evaluate(*e.children[1], scope);
    const Value right = evaluate(*e.children[1], scope);
    if (e.name == "~") return to_text(left) + to_text(right);
    if (left.is_undefined() || right.is_undefined()) {
      complain(e.line, "found '", left.is_undefined() ? left.undefined_name() : right.undefined_name(),
               "' undefined beside '", e.name, "', expected a value");
    }
    if (e.name == "+" && left.is_string() && right.is_string()) {
      if (!left.is_markup() && !right.is_markup()) return left.string() + right.string();
      const auto part = [](const Value& value) {
        return value.is_markup() ? value.string() : escape_html(value.string());
      };
      return Value::markup(part(left) + part(right));
    }
    if (e.name == "+" && left.is_list() && right.is_list()) {
      List list = left.list();
      list.insert(list.end(), right.list().begin(), right.list().end());
      return Value(std::move(list), left.is_tuple());
    }
    if (e.name == "*" && left.is_string() && right.is_integer()) {
      std::string text;
      for (std::int64_t i = 0; i < right.integer(); ++i) write(text, left.string(), e.line);
      return text;
    }
    if (e.name == "%" && left.is_string()) complain(e.line, "found text formatting with %, which is not supported");
    if (!left.is_number() || !right.is_number())
      complain(e.line, "found ", left.type_name(), " ", e.name, " ", right.type_name(),
               ", expected two numbers or two texts");
    return arithmetic(e, left, right);
  }

  Value arithmetic(const Expression& e, const Value& left, const Value& right) {
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
      for (std::int64_t i = 0; i < b && !overflows; ++i) overflows = __builtin_mul_overflow(result, a, &result);
    } else if (b == -1) {
      overflows = e.name == "//" && __builtin_sub_overflow(std::int64_t{0}, a, &result);
    } else {
      const std::int64_t quotient = a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
      result = e.name == "//" ? quotient : a - b * quotient;
    }
    if (overflows) complain(e.line, "found a number over 2^63, expected a smaller one");
    return result;
  }

  const std::string& name_;
  std::size_t steps_ = 0;
  std::int64_t loop_depth_ = 0;
  int call_depth_ = 0;
};

}  // namespace

std::string run(const Block& block, const std::map<std::string, Value>& variables, const std::string& name) {
  Interpreter interpreter(name);
  Scope globals{variables, nullptr}, scope{{}, &globals};
  std::string out;
  interpreter.execute(block, scope, out);
  return out;
}

}  // namespace holdfast::text::jinja
