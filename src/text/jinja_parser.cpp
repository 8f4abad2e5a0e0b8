#include "text/jinja_parser.h"

#include <cstdlib>
#include <set>

#include "base/error.h"
#include "text/jinja_lexer.h"

namespace holdfast::text::jinja {
namespace {

using ExpressionKind = Expression::Kind;
using StatementKind = Statement::Kind;
constexpr int kMaxDepth = 200;

class Parser {
 public:
  Parser(std::vector<Token> tokens, const std::string& name) : tokens_(std::move(tokens)), name_(name) {}

  Block run() {
    Block block = parse_block({});
    return block;
  }

 private:
  // --- tokens ---
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
    explicit DepthGuard(Parser& parser) : parser(parser) {
      if (++parser.depth_ > kMaxDepth) parser.complain("found nesting deeper than ", kMaxDepth, ", expected less");
    }
    ~DepthGuard() { --parser.depth_; }
    Parser& parser;
  };

  ExpressionPtr make(ExpressionKind kind) const {
    auto expression = std::make_unique<Expression>();
    expression->kind = kind;
    expression->line = now().line;
    return expression;
  }
  ExpressionPtr binary(const std::string& name, ExpressionPtr left, ExpressionPtr right) const {
    auto expression = make(ExpressionKind::kBinary);
    expression->name = name;
    expression->children.push_back(std::move(left));
    expression->children.push_back(std::move(right));
    return expression;
  }

  // --- statements ---
  // Reads until one of the names in `ends` opens a tag, and stops behind that name.
  Block parse_block(const std::set<std::string>& ends) {
    const DepthGuard guard(*this);
    Block block;
    for (;;) {
      switch (now().kind) {
        case Token::Kind::kEnd:
          if (!ends.empty()) complain("found the end of the template, expected ", *ends.begin());
          return block;
        case Token::Kind::kText: {
          auto statement = make_statement(StatementKind::kText);
          statement->text = now().text;
          ++place_;
          block.push_back(std::move(statement));
          break;
        }
        case Token::Kind::kPrintBegin: {
          ++place_;
          auto statement = make_statement(StatementKind::kPrint);
          statement->expression = parse_tuple();
          if (now().kind != Token::Kind::kPrintEnd) complain("found '", now().text, "', expected }}");
          ++place_;
          block.push_back(std::move(statement));
          break;
        }
        default: {
          ++place_;
          if (now().kind == Token::Kind::kName && ends.count(now().text) > 0) return block;
          block.push_back(parse_statement());
        }
      }
    }
  }

  std::unique_ptr<Statement> make_statement(StatementKind kind) const {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->line = now().line;
    return statement;
  }

  std::unique_ptr<Statement> parse_statement() {
    const std::string word = expect_name("the name of a statement");
    if (word == "if") return parse_if();
    if (word == "for") return parse_for();
    if (word == "set") return parse_set();
    if (word == "macro") return parse_macro();
    if (word == "filter") return parse_filter_block();
    if (word == "generation") return parse_group("endgeneration");
    if (word == "break" || word == "continue") {
      if (loops_ == 0) complain("found '", word, "' outside a loop, expected it inside one");
      auto statement = make_statement(word == "break" ? StatementKind::kBreak : StatementKind::kContinue);
      end_tag();
      return statement;
    }
    --place_;
    complain("found the statement '", word, "', which is not supported");
  }

  std::unique_ptr<Statement> parse_group(const char* end) {
    auto statement = make_statement(StatementKind::kGroup);
    end_tag();
    statement->body = parse_block({end});
    ++place_;
    end_tag();
    return statement;
  }

  std::unique_ptr<Statement> parse_if() {
    auto statement = make_statement(StatementKind::kIf);
    statement->expression = parse_tuple();
    end_tag();
    statement->body = parse_block({"elif", "else", "endif"});
    if (take_name("elif")) {
      statement->otherwise.push_back(parse_if());
      return statement;
    }
    if (take_name("else")) {
      end_tag();
      statement->otherwise = parse_block({"endif"});
    }
    if (!take_name("endif")) complain("found '", now().text, "', expected endif");
    end_tag();
    return statement;
  }

  std::unique_ptr<Statement> parse_for() {
    auto statement = make_statement(StatementKind::kFor);
    const bool has_bracket = take_operator("(");
    do {
      statement->names.push_back(expect_name("the loop's variable"));
    } while (take_operator(",") && now().kind == Token::Kind::kName && !at_name("in"));
    if (has_bracket) expect_operator(")");
    if (!take_name("in")) complain("found '", now().text, "', expected 'in'");
    statement->expression = parse_tuple(/*with_condition=*/false);
    if (take_name("if")) statement->filter = parse_expression();
    if (at_name("recursive")) complain("found a recursive loop, which is not supported");
    end_tag();
    ++loops_;
    statement->body = parse_block({"else", "endfor"});
    --loops_;
    if (take_name("else")) {
      end_tag();
      statement->otherwise = parse_block({"endfor"});
    }
    if (!take_name("endfor")) complain("found '", now().text, "', expected endfor");
    end_tag();
    return statement;
  }

  std::unique_ptr<Statement> parse_set() {
    auto statement = make_statement(StatementKind::kSet);
    statement->names.push_back(expect_name("a variable"));
    if (take_operator(".")) {
      statement->is_attribute = true;
      statement->names.push_back(expect_name("an attribute"));
    }
    while (!statement->is_attribute && take_operator(",")) statement->names.push_back(expect_name("a variable"));
    if (take_operator("=")) {
      statement->expression = parse_tuple();
      end_tag();
      return statement;
    }
    statement->kind = StatementKind::kSetBlock;
    if (at_operator("|")) statement->expression = parse_filters(body_variable());
    end_tag();
    statement->body = parse_block({"endset"});
    ++place_;
    end_tag();
    return statement;
  }

  ExpressionPtr body_variable() const {
    auto body = make(ExpressionKind::kName);
    body->name = "@body";
    return body;
  }

  std::unique_ptr<Statement> parse_filter_block() {
    auto statement = make_statement(StatementKind::kFilterBlock);
    auto filter = make(ExpressionKind::kFilter);
    filter->name = expect_name("a filter");
    filter->children.push_back(body_variable());
    if (take_operator("(")) filter->arguments = parse_arguments();
    statement->expression = parse_filters(std::move(filter));
    end_tag();
    statement->body = parse_block({"endfilter"});
    ++place_;
    end_tag();
    return statement;
  }

  std::unique_ptr<Statement> parse_macro() {
    auto statement = make_statement(StatementKind::kMacro);
    statement->text = expect_name("the macro's name");
    expect_operator("(");
    while (!take_operator(")")) {
      Parameter parameter{expect_name("a parameter"), nullptr};
      if (take_operator("=")) parameter.otherwise = parse_expression();
      statement->parameters.push_back(std::move(parameter));
      if (!at_operator(")")) expect_operator(",");
    }
    end_tag();
    const int loops = std::exchange(loops_, 0);
    statement->body = parse_block({"endmacro"});
    loops_ = loops;
    ++place_;
    end_tag();
    return statement;
  }

  // --- expressions, loosest binding first ---
  ExpressionPtr parse_tuple(bool with_condition = true) {
    ExpressionPtr first = with_condition ? parse_expression() : parse_or();
    if (!at_operator(",")) return first;
    auto tuple = make(ExpressionKind::kTuple);
    tuple->children.push_back(std::move(first));
    while (take_operator(",")) {
      if (now().kind == Token::Kind::kPrintEnd || now().kind == Token::Kind::kBlockEnd || at_operator(")")) break;
      tuple->children.push_back(with_condition ? parse_expression() : parse_or());
    }
    return tuple;
  }

  ExpressionPtr parse_expression() {
    const DepthGuard guard(*this);
    ExpressionPtr value = parse_or();
    while (take_name("if")) {
      auto condition = make(ExpressionKind::kCondition);
      condition->children.push_back(std::move(value));
      condition->children.push_back(parse_or());
      condition->children.push_back(take_name("else") ? parse_expression() : nullptr);
      value = std::move(condition);
    }
    return value;
  }

  ExpressionPtr parse_or() {
    ExpressionPtr left = parse_and();
    while (take_name("or")) left = binary("or", std::move(left), parse_and());
    return left;
  }

  ExpressionPtr parse_and() {
    ExpressionPtr left = parse_not();
    while (take_name("and")) left = binary("and", std::move(left), parse_not());
    return left;
  }

  ExpressionPtr parse_not() {
    if (!take_name("not")) return parse_compare();
    const DepthGuard guard(*this);
    auto unary = make(ExpressionKind::kUnary);
    unary->name = "not";
    unary->children.push_back(parse_not());
    return unary;
  }

  // The comparison at hand, taken; empty when there is none.
  std::string take_comparison() {
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

  ExpressionPtr parse_compare() {
    ExpressionPtr left = parse_sum();
    std::string word = take_comparison();
    if (word.empty()) return left;
    auto compare = make(ExpressionKind::kCompare);
    compare->children.push_back(std::move(left));
    for (; !word.empty(); word = take_comparison()) {
      compare->operators.push_back(word);
      compare->children.push_back(parse_sum());
    }
    return compare;
  }

  ExpressionPtr parse_sum() {
    ExpressionPtr left = parse_concatenation();
    while (at_operator("+") || at_operator("-")) {
      const std::string word = tokens_[place_++].text;
      left = binary(word, std::move(left), parse_concatenation());
    }
    return left;
  }

  ExpressionPtr parse_concatenation() {
    ExpressionPtr left = parse_product();
    while (take_operator("~")) left = binary("~", std::move(left), parse_product());
    return left;
  }

  ExpressionPtr parse_product() {
    ExpressionPtr left = parse_unary(true);
    while (at_operator("*") || at_operator("/") || at_operator("//") || at_operator("%")) {
      const std::string word = tokens_[place_++].text;
      left = binary(word, std::move(left), parse_unary(true));
    }
    return left;
  }

  ExpressionPtr parse_unary(bool with_filter) {
    const DepthGuard guard(*this);
    ExpressionPtr value;
    if (at_operator("-") || at_operator("+")) {
      value = make(ExpressionKind::kUnary);
      value->name = tokens_[place_++].text;
      value->children.push_back(parse_unary(false));
    } else {
      value = parse_primary();
    }
    value = parse_postfix(std::move(value));
    if (with_filter) value = parse_filters(std::move(value));
    if (with_filter && take_operator("**")) value = binary("**", std::move(value), parse_unary(true));
    return value;
  }

  ExpressionPtr parse_primary() {
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
        list->children.push_back(parse_expression());
        if (!at_operator("]")) expect_operator(",");
      }
      return list;
    }
    if (take_operator("{")) {
      auto dict = make(ExpressionKind::kDict);
      while (!take_operator("}")) {
        dict->children.push_back(parse_expression());
        expect_operator(":");
        dict->children.push_back(parse_expression());
        if (!at_operator("}")) expect_operator(",");
      }
      return dict;
    }
    complain("found '", token.text, "', expected an expression");
  }

  ExpressionPtr parse_name() {
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

  ExpressionPtr parse_postfix(ExpressionPtr value) {
    for (;;) {
      if (take_operator(".")) {
        auto attribute = make(ExpressionKind::kAttribute);
        if (now().kind == Token::Kind::kInteger)
          attribute->name = tokens_[place_++].text;
        else
          attribute->name = expect_name("an attribute");
        attribute->children.push_back(std::move(value));
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

  ExpressionPtr parse_call(ExpressionPtr callee) {
    expect_operator("(");
    auto call = make(ExpressionKind::kCall);
    call->children.push_back(std::move(callee));
    call->arguments = parse_arguments();
    return call;
  }

  ExpressionPtr parse_subscript(ExpressionPtr value) {
    auto item = make(ExpressionKind::kItem);
    item->children.push_back(std::move(value));
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
    for (auto& one : parts) item->children.push_back(std::move(one));
    return item;
  }

  CallArguments parse_arguments() {
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

  ExpressionPtr parse_filters(ExpressionPtr value) {
    for (;;) {
      if (take_operator("|")) {
        auto filter = make(ExpressionKind::kFilter);
        filter->name = expect_name("a filter");
        filter->children.push_back(std::move(value));
        if (take_operator("(")) filter->arguments = parse_arguments();
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

  ExpressionPtr parse_test(ExpressionPtr value) {
    auto test = make(ExpressionKind::kTest);
    test->is_negated = take_name("not");
    test->name = expect_name("a test");
    test->children.push_back(std::move(value));
    if (take_operator("(")) {
      test->arguments = parse_arguments();
    } else {
      const auto kind = now().kind;
      const bool is_word = kind == Token::Kind::kName && !at_name("else") && !at_name("or") && !at_name("and") &&
                           !at_name("if") && !at_name("is") && !at_name("not") && !at_name("in");
      if (is_word || kind == Token::Kind::kString || kind == Token::Kind::kInteger || kind == Token::Kind::kFloat ||
          at_operator("[") || at_operator("{")) {
        test->arguments.positional.push_back(parse_postfix(parse_primary()));
      }
    }
    return test;
  }

  std::vector<Token> tokens_;
  const std::string& name_;
  std::size_t place_ = 0;
  int depth_ = 0, loops_ = 0;
};

}  // namespace

Block parse(const std::string& source, const std::string& name) { return Parser(tokenize(source, name), name).run(); }

}  // namespace holdfast::text::jinja
