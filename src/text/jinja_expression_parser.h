// The expressions of templates, by recursive descent; the statements around them are in jinja_parser.cpp.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/jinja_lexer.h"
#include "text/jinja_parser.h"

namespace holdfast::text::jinja {

class ExpressionParser {
 protected:
  using ExpressionKind = Expression::Kind;
  static constexpr int kMaxDepth = 200, kMaxTreeDepth = 400;

  // `name` stays valid.
  ExpressionParser(std::vector<Token> tokens, const std::string& name) : tokens_(std::move(tokens)), name_(name) {}

  const Token& now() const { return tokens_[place_]; }
  bool at_operator(const char* text) const { return now().kind == Token::Kind::kOperator && now().text == text; }
  bool at_name(const char* text) const { return now().kind == Token::Kind::kName && now().text == text; }
  bool take_operator(const char* text) { return at_operator(text) && (++place_, true); }
  bool take_name(const char* text) { return at_name(text) && (++place_, true); }
  template <typename... Parts>
  [[noreturn]] void complain(const Parts&... parts) const {
    fail(ErrorKind::kBadInput, "[chat template] ", name_, ":", now().line, ": ", parts...);
  }
  void expect_operator(const char* text) {
    if (!take_operator(text)) complain("found '", now().text, "', expected '", text, "'");
  }
  std::string expect_name(const char* what) {
    if (now().kind != Token::Kind::kName) complain("found '", now().text, "', expected ", what);
    return tokens_[place_++].text;
  }
  void end_tag() {
    if (now().kind != Token::Kind::kBlockEnd) complain("found '", now().text, "', expected the end of the tag");
    ++place_;
  }

  struct DepthGuard {
    explicit DepthGuard(ExpressionParser& parser) : parser(parser) {
      if (++parser.depth_ > kMaxDepth) parser.complain("found nesting deeper than ", kMaxDepth, ", expected less");
    }
    ~DepthGuard() { --parser.depth_; }
    ExpressionParser& parser;
  };

  ExpressionPtr make(ExpressionKind kind) const {
    auto expression = std::make_unique<Expression>();
    expression->kind = kind;
    expression->line = now().line;
    return expression;
  }
  // A chain a + b + c ... makes a tree as deep as it is long.
  void adopt(Expression& parent, ExpressionPtr child) const {
    if (child != nullptr) deepen(parent, *child);
    parent.children.push_back(std::move(child));
  }
  void adopt_arguments(Expression& parent, CallArguments arguments) const {
    for (const auto& child : arguments.positional) deepen(parent, *child);
    for (const auto& [name, child] : arguments.named) deepen(parent, *child);
    parent.arguments = std::move(arguments);
  }
  void deepen(Expression& parent, const Expression& child) const {
    parent.depth = std::max(parent.depth, child.depth + 1);
    if (parent.depth > kMaxTreeDepth)
      complain("found an expression of more than ", kMaxTreeDepth, " links, expected fewer");
  }
  ExpressionPtr binary(const std::string& name, ExpressionPtr left, ExpressionPtr right) const {
    auto expression = make(ExpressionKind::kBinary);
    expression->name = name;
    adopt(*expression, std::move(left));
    adopt(*expression, std::move(right));
    return expression;
  }

  // Loosest binding first.
  ExpressionPtr parse_tuple(bool with_condition = true);
  ExpressionPtr parse_expression();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  std::string take_comparison();
  ExpressionPtr parse_compare();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_unary(bool with_filter);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_name();
  ExpressionPtr parse_postfix(ExpressionPtr value);
  ExpressionPtr parse_call(ExpressionPtr callee);
  ExpressionPtr parse_subscript(ExpressionPtr value);
  CallArguments parse_arguments();
  ExpressionPtr parse_filters(ExpressionPtr value);
  ExpressionPtr parse_test(ExpressionPtr value);

  std::vector<Token> tokens_;
  const std::string& name_;
  std::size_t place_ = 0;
  int depth_ = 0;
};

}  // namespace holdfast::text::jinja
