#include "assessment/plan_table.h"

#include <algorithm>
#include <sstream>
#include <utility>

namespace holdfast::assessment {
namespace {

// Levenshtein distance, for "did you mean".
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j)
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])}));
  }
  return row.back();
}

}  // namespace

std::string location(const std::string& file, const toml::node& node) {
  // Only what stands in the file knows its file.
  if (node.source().path == nullptr) return "[plan] " + file + " (set by --set)";
  return "[plan] " + file + ":" + std::to_string(node.source().begin.line);
}

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
      if (auto* list = root[key].as_array()) {
        for (auto& item : *list) {
          if (item.is_table() && item.as_table()->get("name") &&
              item.as_table()->get("name")->value<std::string>() == name)
            found = item.as_table();
        }
      }
      HOLDFAST_CHECK(kBadInput, found != nullptr, "[options] found --set ", override_text, ", but the plan has no ",
                     key, " named '", name, "'");
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

Table::Table(const toml::table& table, std::string file, std::string name)
    : table_(table), file_(std::move(file)), name_(std::move(name)) {}

void Table::read(const char* key, std::string& value) {
  if (const auto* node = find(key)) value = expect<std::string>(*node, key, "a text");
}
void Table::read(const char* key, bool& value) {
  if (const auto* node = find(key)) value = expect<bool>(*node, key, "true or false");
}
void Table::read(const char* key, std::int64_t& value, std::int64_t least) {
  if (const auto* node = find(key)) {
    value = expect<std::int64_t>(*node, key, "a whole number");
    HOLDFAST_CHECK(kBadInput, value >= least, location(file_, *node), ": found ", key, " = ", value, ", expected ",
                   least, " or more");
  }
}
void Table::read(const char* key, double& value, double least) {
  if (const auto* node = find(key)) {
    const auto number = node->value<double>();
    HOLDFAST_CHECK(kBadInput, number.has_value() && *number >= least, location(file_, *node), ": found ", key, " = ",
                   text(*node), ", expected a number from ", least, " up");
    value = *number;
  }
}
void Table::choose(const char* key, std::string& value, std::initializer_list<const char*> words) {
  read(key, value);
  std::string list;
  for (const char* word : words) {
    if (value == word) return;
    list += (list.empty() ? "" : ", ") + std::string(word);
  }
  fail(ErrorKind::kBadInput, "[plan] ", file_, ": found ", name_, ".", key, " = '", value, "', expected one of ", list);
}
const toml::node* Table::find(const char* key) {
  known_.insert(key);
  return table_.get(key);
}
void Table::end() const {
  for (const auto& [key, node] : table_) {
    const std::string word(key.str());
    if (known_.count(word) > 0) continue;
    std::string nearest = *known_.begin();
    for (const std::string& one : known_) {
      if (distance(word, one) < distance(word, nearest)) nearest = one;
    }
    fail(ErrorKind::kBadInput, location(file_, node), ": found the key '", word, "' in ", name_,
         ", expected one it knows; did you mean '", nearest, "'?");
  }
}

std::string Table::text(const toml::node& node) {
  std::ostringstream stream;
  node.visit([&](const auto& value) { stream << value; });
  return stream.str().substr(0, 60);
}

}  // namespace holdfast::assessment
