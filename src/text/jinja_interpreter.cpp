#include "text/jinja_interpreter.h"

#include "text/jinja_builtins.h"
#include "text/jinja_evaluator.h"
#include "text/jinja_meter.h"

namespace holdfast::text::jinja {
namespace {

enum class Flow { kOn, kBreak, kContinue };

class Interpreter : Evaluator {
 public:
  using Evaluator::Evaluator;

  Flow execute(const Block& block, Scope& scope, MarkedText& out) {
    for (const auto& statement : block) {
      const Flow flow = execute(*statement, scope, out);
      if (flow != Flow::kOn) return flow;
    }
    return Flow::kOn;
  }

 private:
  void write(MarkedText& out, const MarkedText& text, int line) {
    located(line, [&] { append_limited(out, text); });
  }

  Flow execute(const Statement& s, Scope& scope, MarkedText& out) {
    const DepthGuard guard(*this, s.line);
    count_steps(s.line);
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
        // A macro outlives no scope: it is the template's own.
        if (scope.parent == nullptr || scope.parent->parent != nullptr)
          complain(s.line, "found macro '", s.text, "' inside a loop, macro or block, expected it outside");
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
    MarkedText text;
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
      located(s.line, [&] { Value::check_namespace_name(s.names[1]); });
      if (!value.is_data())
        complain(s.line, "found ", value.type_name(), " assigned to '", s.names[0], ".", s.names[1],
                 "', expected data: a namespace holds no namespace and no function");
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

  Flow execute_for(const Statement& s, Scope& scope, MarkedText& out) {
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
    for (std::int64_t i = 0; i < n; ++i) {
      count_steps(s.line, 10);  // the variable `loop` costs more than a statement
      Scope inner{{}, &scope};
      bind(s.names, items[static_cast<std::size_t>(i)], inner, s.line);
      Dict loop = {{"index", i + 1},           {"index0", i},        {"revindex", n - i}, {"revindex0", n - i - 1},
                   {"first", i == 0},          {"last", i == n - 1}, {"length", n},       {"depth", std::int64_t{1}},
                   {"depth0", std::int64_t{0}}};  // of recursive loops, which are refused
      loop.emplace_back("previtem", i > 0 ? items[static_cast<std::size_t>(i - 1)] : Value::undefined("previtem"));
      loop.emplace_back("nextitem", i + 1 < n ? items[static_cast<std::size_t>(i + 1)] : Value::undefined("nextitem"));
      loop.emplace_back("cycle", Value(Function([i](const Arguments& arguments) {
                          HOLDFAST_CHECK(kBadInput, !arguments.positional.empty(),
                                         "[chat template] found cycle() without values, expected some");
                          return arguments.positional[static_cast<std::size_t>(i) % arguments.positional.size()];
                        })));
      inner.variables["loop"] = Value::loop(std::move(loop));
      if (execute(s.body, inner, out) == Flow::kBreak) break;
    }
    return Flow::kOn;
  }

  Value make_macro(const Statement& s, Scope& scope) {
    // A macro sees the variables of the place it is defined at, as they are when it is called.
    return Function([this, &s, &scope](const Arguments& arguments) -> Value {
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
      MarkedText text;
      execute(s.body, inner, text);
      return text;
    });
  }
};

}  // namespace

MarkedText run(const Block& block, const std::map<std::string, Value>& variables, const std::string& name) {
  const Meter meter;
  Interpreter interpreter(name);
  Scope globals{variables, nullptr}, scope{{}, &globals};
  MarkedText out;
  interpreter.execute(block, scope, out);
  return out;
}

}  // namespace holdfast::text::jinja
