// What may be read as JSON without harm: a foreign file decides neither how deep our stack goes nor how long we search.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast::text {

struct JsonLimits {
  std::size_t depth = 200;   // of brackets within brackets
  std::size_t keys = 1'000;  // of one object; objects that keep the order of their keys find one by looking at all
};

// Throws Error(kBadFile) beginning with `where` when the text goes beyond the limits.  Does not otherwise look whether
// the text is JSON.
void check_json_shape(std::string_view text, const std::string& where, const JsonLimits& limits = {});

}  // namespace holdfast::text
