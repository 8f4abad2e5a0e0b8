// Templates as trees: lexer and parser of the Jinja that chat templates are written in.
//
// White space as transformers sets it: trim_blocks, lstrip_blocks, one trailing newline of the template dropped.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja_value.h"

namespace holdfast::text::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct Expression {
  enum class Kind {
    kLiteral,    // literal
    kName,       // name
    kList,       // children
    kTuple,      // children
    kDict,       // children: key, value, key, value
    kAttribute,  // children[0] . name
    kItem,       // children[0] [ children[1] ]
    kSlice,      // children[0] [ start : stop : step ], each may be null
    kCall,       // children[0] ( arguments )
    kFilter,     // children[0] | name ( arguments )
    kTest,       // children[0] is name ( arguments ); negated: is not
    kUnary,      // name = "-", "+", "not"
    kBinary,     // name = the operator, "and" and "or" among them
    kCompare,    // children[0] operators[0] children[1] operators[1] ...
    kCondition,  // children[0] if children[1] else children[2] (may be null)
  };
  Kind kind;
  int line;
  int depth = 0;  // of the tree below
  Value literal;
  std::string name;
  bool is_negated = false;
  std::vector<ExpressionPtr> children;
  std::vector<std::string> operators;
  CallArguments arguments;
};

struct Statement;
using Block = std::vector<std::unique_ptr<Statement>>;

struct Parameter {
  std::string name;
  ExpressionPtr otherwise;
};

struct Statement {
  enum class Kind { kText, kPrint, kIf, kFor, kSet, kSetBlock, kMacro, kFilterBlock, kGroup, kBreak, kContinue };
  Kind kind;
  int line;
  std::string text;  // kText; the name of a macro
  std::vector<std::string>
      names;  // targets of for and set; a namespace target is {"ns", "attribute"} with is_attribute
  bool is_attribute = false;
  ExpressionPtr expression;  // printed, tested, iterated, assigned; of a filter block: applied to kName "@body"
  ExpressionPtr filter;      // for ... if
  Block body, otherwise;
  std::vector<Parameter> parameters;
};

// Throws Error(kBadInput): `[chat template] NAME:LINE: found ..., expected ...`.
Block parse(const std::string& source, const std::string& name);

}  // namespace holdfast::text::jinja
