// Runs a parsed template.
//
// Scope as in jinja2: a loop's body and a macro have their own variables, an if has not; what a loop sets is gone
// behind it, except in a namespace.
#pragma once

#include <map>
#include <string>

#include "text/jinja_parser.h"
#include "text/jinja_value.h"

namespace holdfast::text::jinja {

// With jinja_meter.h this keeps a hostile template from running away.
inline constexpr int kMaxRunDepth = 1'000;  // of statements and expressions within each other

// Throws Error(kBadInput): `[chat template] NAME:LINE: ...`.
MarkedText run(const Block& block, const std::map<std::string, Value>& variables, const std::string& name);

}  // namespace holdfast::text::jinja
