// Cuts a template into text and the tokens of its tags.
#pragma once

#include <string>
#include <vector>

namespace holdfast::text::jinja {

struct Token {
  enum class Kind {
    kText,
    kPrintBegin,
    kPrintEnd,
    kBlockBegin,
    kBlockEnd,
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,
    kEnd
  };
  Kind kind;
  std::string text;
  int line;
};

std::vector<Token> tokenize(std::string source, const std::string& name);

}  // namespace holdfast::text::jinja
