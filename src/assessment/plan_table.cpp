#include "assessment/plan_table.h"

#include <vector>

namespace holdfast::assessment {

void apply_override(toml::table& root, const std::string& override_text) {
  const std::size_t equals = override_text.find('=');
  HOLDFAST_CHECK(kBadInput, equals != std::string::npos && equals > 0, "[options] found --set ", override_text,
                 ", expected key=value; try --set generation.max_new_tokens=64");
  std::string path = override_text.substr(0, equals);
  const std::string value = override_text.substr(equals + 1);
  toml::table* table = &root;
  for (std::size_t dot; (dot = path.find('.')) != std::string::npos;) {
    const std::string key = path.substr(0, dot);
    path = path.substr(dot + 1);
    if ((key == "arm" || key == "benchmark" || key == "judge") && table == &root) {
      // Names may hold no dot here: NAME ends at the next one.
      const std::size_t end = path.find('.');
      HOLDFAST_CHECK(kBadInput, end != std::string::npos, "[options] found --set ", override_text, ", expected ", key,
                     ".NAME.key=value");
      const std::string name = path.substr(0, end);
      path = path.substr(end + 1);
      toml::table* found = nullptr;
      std::vector<std::string> names;
      if (auto* list = root[key].as_array()) {
        for (auto& item : *list) {
          if (!item.is_table() || !item.as_table()->get("name")) continue;
          names.push_back(item.as_table()->get("name")->value<std::string>().value_or(""));
          if (names.back() == name) found = item.as_table();
        }
      }
      HOLDFAST_CHECK(kBadInput, found != nullptr, "[options] found --set ", override_text, ", but the plan has no ",
                     key, " named '", name, "'",
                     names.empty() ? "" : "; did you mean '" + evaluation::nearest_word(name, names) + "'?");
      table = found;
      continue;
    }
    if (table->get(key) == nullptr) table->insert(key, toml::table{});
    HOLDFAST_CHECK(kBadInput, table->get(key)->is_table(), "[options] found --set ", override_text, ", but '", key,
                   "' is no table");
    table = table->get(key)->as_table();
  }
  try {
    toml::table parsed = toml::parse("value = " + value);
    table->insert_or_assign(path, std::move(*parsed.get("value")));
  } catch (const toml::parse_error&) {
    table->insert_or_assign(path, value);
  }
}

}  // namespace holdfast::assessment
