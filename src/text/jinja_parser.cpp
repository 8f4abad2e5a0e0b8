#include "text/jinja_parser.h"

#include <set>

#include "text/jinja_expression_parser.h"

namespace holdfast::text::jinja {
namespace {

using StatementKind = Statement::Kind;

class Parser : ExpressionParser {
 public:
  Parser(std::vector<Token> tokens, const std::string& name) : ExpressionParser(std::move(tokens), name) {}

  Block run() {
    Block block = parse_block({});
    return block;
  }

 private:
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
    complain("found the statement '", word, "', expected if, for, set, macro, filter, break, continue or generation");
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
    const DepthGuard guard(*this);
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
    if (at_name("recursive")) complain("found a recursive loop, expected a plain one");
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
    adopt(*filter, body_variable());
    if (take_operator("(")) adopt_arguments(*filter, parse_arguments());
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

  int loops_ = 0;
};

}  // namespace

Block parse(const std::string& source, const std::string& name) { return Parser(tokenize(source, name), name).run(); }

}  // namespace holdfast::text::jinja
