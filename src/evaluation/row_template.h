// What pages are written in: Jinja over the columns of a row, as lm-evaluation-harness' tasks are.
//
// Beside the columns a template has `cells`, all of them by name, for names that are no words, `row`, the row's number
// from 1, and regex_replace(text, pattern, replacement), which is Python's re.sub.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "text/jinja_parser.h"
#include "text/jinja_value.h"

namespace holdfast::evaluation {

// The columns of a row, and what a page has made of them; `place` names the row in errors: "[benchmark] FILE:LINE".
struct Row {
  std::map<std::string, text::jinja::Value> values;
  std::string place;

  Row(const nlohmann::ordered_json& columns, std::string where);
  void set(const std::string& name, const nlohmann::ordered_json& value);
};

class RowTemplate {
 public:
  RowTemplate() = default;  // gives nothing
  // `name`: page and key, in errors.  Throws Error(kBadInput) where it cannot be parsed.
  RowTemplate(const std::string& source, std::string name);

  bool is_empty() const { return text_ == nullptr; }
  // Each throws Error(kBadFile) naming the row, the page's key and what was found.
  std::string text(const Row& row) const;
  // Of a template that is one {{ expression }}: what the expression gives; of any other the list or dict that it writes
  // as JSON, or else its text.
  nlohmann::ordered_json value(const Row& row) const;

 private:
  std::string run(const text::jinja::Block& block, const Row& row) const;
  std::shared_ptr<const text::jinja::Block> text_, value_;
  std::string name_;
};

}  // namespace holdfast::evaluation
