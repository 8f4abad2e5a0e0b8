#include "text/jinja_expression_parser.h"

#include <cstdlib>

namespace holdfast::text::jinja {

ExpressionPtr ExpressionParser::parse_tuple(bool with_condition) {
  ExpressionPtr first = with_condition ? parse_expression() : parse_or();
  if (!at_operator(",")) return first;
  auto tuple = make(ExpressionKind::kTuple);
  adopt(*tuple, std::move(first));
  while (take_operator(",")) {
    if (now().kind == Token::Kind::kPrintEnd || now().kind == Token::Kind::kBlockEnd || at_operator(")")) break;
    adopt(*tuple, with_condition ? parse_expression() : parse_or());
  }
  return tuple;
}

ExpressionPtr ExpressionParser::parse_expression() {
  const DepthGuard guard(*this);
  ExpressionPtr value = parse_or();
  while (take_name("if")) {
    auto condition = make(ExpressionKind::kCondition);
    adopt(*condition, std::move(value));
    adopt(*condition, parse_or());
    adopt(*condition, take_name("else") ? parse_expression() : nullptr);
    value = std::move(condition);
  }
  return value;
}

ExpressionPtr ExpressionParser::parse_or() {
  ExpressionPtr left = parse_and();
  while (take_name("or")) left = binary("or", std::move(left), parse_and());
  return left;
}

ExpressionPtr ExpressionParser::parse_and() {
  ExpressionPtr left = parse_not();
  while (take_name("and")) left = binary("and", std::move(left), parse_not());
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  if (!take_name("not")) return parse_compare();
  const DepthGuard guard(*this);
  auto unary = make(ExpressionKind::kUnary);
  unary->name = "not";
  adopt(*unary, parse_not());
  return unary;
}

// The comparison at hand, taken; empty when there is none.
std::string ExpressionParser::take_comparison() {
  for (const char* word : {"==", "!=", "<=", ">=", "<", ">"}) {
    if (take_operator(word)) return word;
  }
  if (take_name("in")) return "in";
  if (at_name("not") && tokens_[place_ + 1].kind == Token::Kind::kName && tokens_[place_ + 1].text == "in") {
    place_ += 2;
    return "not in";
  }
  return "";
}

ExpressionPtr ExpressionParser::parse_compare() {
  ExpressionPtr left = parse_sum();
  std::string word = take_comparison();
  if (word.empty()) return left;
  auto compare = make(ExpressionKind::kCompare);
  adopt(*compare, std::move(left));
  for (; !word.empty(); word = take_comparison()) {
    compare->operators.push_back(word);
    adopt(*compare, parse_sum());
  }
  return compare;
}

ExpressionPtr ExpressionParser::parse_sum() {
  ExpressionPtr left = parse_concatenation();
  while (at_operator("+") || at_operator("-")) {
    const std::string word = tokens_[place_++].text;
    left = binary(word, std::move(left), parse_concatenation());
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_concatenation() {
  ExpressionPtr left = parse_product();
  while (take_operator("~")) left = binary("~", std::move(left), parse_product());
  return left;
}

ExpressionPtr ExpressionParser::parse_product() {
  ExpressionPtr left = parse_unary(true);
  while (at_operator("*") || at_operator("/") || at_operator("//") || at_operator("%")) {
    const std::string word = tokens_[place_++].text;
    left = binary(word, std::move(left), parse_unary(true));
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filter) {
  const DepthGuard guard(*this);
  ExpressionPtr value;
  if (at_operator("-") || at_operator("+")) {
    value = make(ExpressionKind::kUnary);
    value->name = tokens_[place_++].text;
    adopt(*value, parse_unary(false));
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  if (with_filter) value = parse_filters(std::move(value));
  if (with_filter && take_operator("**")) value = binary("**", std::move(value), parse_unary(true));
  return value;
}

ExpressionPtr ExpressionParser::parse_primary() {
  const Token& token = now();
  auto literal = make(ExpressionKind::kLiteral);
  switch (token.kind) {
    case Token::Kind::kString: {
      std::string text;
      while (now().kind == Token::Kind::kString) text += tokens_[place_++].text;
      literal->literal = text;
      return literal;
    }
    case Token::Kind::kInteger:
      literal->literal = static_cast<std::int64_t>(std::stoll(token.text));
      ++place_;
      return literal;
    case Token::Kind::kFloat:
      literal->literal = std::strtod(token.text.c_str(), nullptr);
      ++place_;
      return literal;
    case Token::Kind::kName:
      return parse_name();
    default:
      break;
  }
  if (take_operator("(")) {
    if (take_operator(")")) return make(ExpressionKind::kTuple);
    ExpressionPtr inside = parse_tuple();
    expect_operator(")");
    return inside;
  }
  if (take_operator("[")) {
    auto list = make(ExpressionKind::kList);
    while (!take_operator("]")) {
      adopt(*list, parse_expression());
      if (!at_operator("]")) expect_operator(",");
    }
    return list;
  }
  if (take_operator("{")) {
    auto dict = make(ExpressionKind::kDict);
    while (!take_operator("}")) {
      adopt(*dict, parse_expression());
      expect_operator(":");
      adopt(*dict, parse_expression());
      if (!at_operator("}")) expect_operator(",");
    }
    return dict;
  }
  complain("found '", token.text, "', expected an expression");
}

ExpressionPtr ExpressionParser::parse_name() {
  auto expression = make(ExpressionKind::kLiteral);
  const std::string word = tokens_[place_++].text;
  if (word == "true" || word == "True")
    expression->literal = true;
  else if (word == "false" || word == "False")
    expression->literal = false;
  else if (word == "none" || word == "None")
    expression->literal = None{};
  else {
    expression->kind = ExpressionKind::kName;
    expression->name = word;
  }
  return expression;
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr value) {
  for (;;) {
    if (take_operator(".")) {
      auto attribute = make(ExpressionKind::kAttribute);
      if (now().kind == Token::Kind::kInteger)
        attribute->name = tokens_[place_++].text;
      else
        attribute->name = expect_name("an attribute");
      adopt(*attribute, std::move(value));
      value = std::move(attribute);
    } else if (take_operator("[")) {
      value = parse_subscript(std::move(value));
    } else if (at_operator("(")) {
      value = parse_call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr callee) {
  expect_operator("(");
  auto call = make(ExpressionKind::kCall);
  adopt(*call, std::move(callee));
  adopt_arguments(*call, parse_arguments());
  return call;
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr value) {
  auto item = make(ExpressionKind::kItem);
  adopt(*item, std::move(value));
  bool is_slice = false;
  std::vector<ExpressionPtr> parts;
  ExpressionPtr part;
  while (!at_operator("]")) {
    if (take_operator(":")) {
      is_slice = true;
      parts.push_back(std::move(part));
      part = nullptr;
      continue;
    }
    if (part != nullptr) complain("found '", now().text, "', expected ]");
    part = parse_expression();
  }
  parts.push_back(std::move(part));
  expect_operator("]");
  if (!is_slice && parts[0] == nullptr) complain("found an empty subscript, expected an expression");
  if (parts.size() > 3) complain("found ", parts.size(), " parts in a slice, expected at most 3");
  if (is_slice) {
    item->kind = ExpressionKind::kSlice;
    parts.resize(3);
  }
  for (auto& one : parts) adopt(*item, std::move(one));
  return item;
}

CallArguments ExpressionParser::parse_arguments() {
  CallArguments arguments;
  while (!take_operator(")")) {
    if (at_operator("*") || at_operator("**")) complain("found '", now().text, "' in a call, which is not supported");
    const bool is_named = now().kind == Token::Kind::kName && tokens_[place_ + 1].kind == Token::Kind::kOperator &&
                          tokens_[place_ + 1].text == "=";
    if (is_named) {
      const std::string name = tokens_[place_].text;
      place_ += 2;
      arguments.named.emplace_back(name, parse_expression());
    } else {
      arguments.positional.push_back(parse_expression());
    }
    if (!at_operator(")")) expect_operator(",");
  }
  return arguments;
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr value) {
  for (;;) {
    if (take_operator("|")) {
      auto filter = make(ExpressionKind::kFilter);
      filter->name = expect_name("a filter");
      adopt(*filter, std::move(value));
      if (take_operator("(")) adopt_arguments(*filter, parse_arguments());
      value = std::move(filter);
    } else if (take_name("is")) {
      value = parse_test(std::move(value));
    } else if (at_operator("(")) {
      value = parse_call(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr value) {
  auto test = make(ExpressionKind::kTest);
  test->is_negated = take_name("not");
  test->name = expect_name("a test");
  adopt(*test, std::move(value));
  if (take_operator("(")) {
    adopt_arguments(*test, parse_arguments());
  } else {
    const auto kind = now().kind;
    const bool is_word = kind == Token::Kind::kName && !at_name("else") && !at_name("or") && !at_name("and") &&
                         !at_name("if") && !at_name("is") && !at_name("not") && !at_name("in");
    if (is_word || kind == Token::Kind::kString || kind == Token::Kind::kInteger || kind == Token::Kind::kFloat ||
        at_operator("[") || at_operator("{")) {
      CallArguments arguments;
      arguments.positional.push_back(parse_postfix(parse_primary()));
      adopt_arguments(*test, std::move(arguments));
    }
  }
  return test;
}

}  // namespace holdfast::text::jinja
