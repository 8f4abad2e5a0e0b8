// A JSON value as an error message shows it: short, and without descending into a hostile file's million brackets.
#pragma once

#include <string>

namespace holdfast::checkpoint {

template <typename Json>
std::string brief(const Json& value) {
  if (value.is_structured() && value.empty()) return value.is_array() ? "[]" : "{}";
  if (value.is_object()) return "an object";
  if (value.is_array()) {
    std::string text = "[";
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i == 4 || value[i].is_structured()) return text + "...]";
      text += brief(value[i]) + (i + 1 < value.size() ? ", " : "");
    }
    return text + "]";
  }
  const std::string text = value.dump();
  return text.size() <= 80 ? text : text.substr(0, 80) + "...";
}

}  // namespace holdfast::checkpoint
