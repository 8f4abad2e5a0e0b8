#include "text/json_shape.h"

#include <vector>

#include "base/error.h"

namespace holdfast::text {

void check_json_shape(std::string_view text, const std::string& where, const JsonLimits& limits) {
  std::vector<std::size_t> keys;  // of each open bracket
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '"':
        for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
        break;
      case '{':
      case '[':
        keys.push_back(0);
        HOLDFAST_CHECK(kBadFile, keys.size() <= limits.depth, where, ": found JSON nested deeper than ", limits.depth,
                       ", expected less; is it the right file?");
        break;
      case '}':
      case ']':
        if (!keys.empty()) keys.pop_back();
        break;
      case ':':
        if (keys.empty()) break;
        ++keys.back();
        HOLDFAST_CHECK(kBadFile, keys.back() <= limits.keys, where, ": found an object of more than ", limits.keys,
                       " keys, expected fewer; is it the right file?");
        break;
      default:
        break;
    }
  }
}

}  // namespace holdfast::text
