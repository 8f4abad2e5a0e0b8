// What a plan is read with: checked tables, and values that the command line puts into them.
#pragma once

#include <string>

#include "evaluation/toml_table.h"

namespace holdfast::assessment {

using evaluation::location;
using evaluation::Table;

// Puts "table.key=value", "arm.NAME.key=value" or "benchmark.NAME.key=value" into the table; the value is TOML, or else
// a text.  Throws Error(kBadInput).
void apply_override(toml::table& root, const std::string& override_text);

}  // namespace holdfast::assessment
