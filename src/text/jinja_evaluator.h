// The values of expressions, and what keeps a hostile template from running away while they are found.
#pragma once

#include <map>
#include <string>

#include "base/error.h"
#include "text/jinja_interpreter.h"
#include "text/jinja_meter.h"
#include "text/jinja_parser.h"
#include "text/jinja_value.h"

namespace holdfast::text::jinja {

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

class Evaluator {
 public:
  explicit Evaluator(const std::string& name) : name_(name) {}  // `name` stays valid

 protected:
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

  void count_steps(int line, std::size_t steps = 1) {
    located(line, [&] { Meter::spend_steps(steps); });
  }
  // What a filter, a test or a method goes through counts as the steps that it takes.
  void count_size(const Value& value, int line) {
    if (value.is_string()) count_steps(line, value.string().size() / 256);
    if (value.is_list()) count_steps(line, value.list().size() / 8);
    if (value.is_dict()) count_steps(line, value.dict().size() / 8);
  }

  struct DepthGuard {
    DepthGuard(Evaluator& evaluator, int line) : depth(evaluator.depth_) {
      if (++depth > kMaxRunDepth) {
        --depth;
        evaluator.complain(line, "found statements and expressions nested more than ", kMaxRunDepth,
                           " deep, expected less; does a macro call itself?");
      }
    }
    ~DepthGuard() { --depth; }
    int& depth;
  };

  Arguments evaluate(const CallArguments& from, Scope& scope);
  Value evaluate(const Expression& e, Scope& scope);
  Value evaluate_kind(const Expression& e, Scope& scope);
  Value counted(const Expression& e, Scope& scope);
  Value call(const Expression& e, Scope& scope);
  Value slice(const Expression& e, Scope& scope);
  Value unary(const Expression& e, const Value& value);
  Value compare(const Expression& e, Scope& scope);
  Value binary(const Expression& e, Scope& scope);
  Value arithmetic(const Expression& e, const Value& left, const Value& right);

 private:
  const std::string& name_;
  int depth_ = 0;
};

}  // namespace holdfast::text::jinja
