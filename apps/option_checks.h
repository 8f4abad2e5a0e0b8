// What the numbers of options may be, for add_option(...)->check(...): each says what was found and expected; and an
// option that commands share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace holdfast::apps {

// A whole number in decimal digits, from `least` to what 63 bits hold.  The library alone would read 010 as eight, and
// take -1 and what is too large for another number.
CLI::Validator whole_number(std::int64_t least);

// Any finite number above 0, or from 0 up.
CLI::Validator number_above_zero();
CLI::Validator number_from_zero();

// --quiet of a command that prints its results and nothing besides: taken like everywhere else.
void add_quiet(CLI::App& command);

}  // namespace holdfast::apps
