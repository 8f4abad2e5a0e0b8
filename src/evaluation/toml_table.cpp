#include "evaluation/toml_table.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

namespace holdfast::evaluation {
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

std::string location(const std::string& file, const toml::node& node, const std::string& operation) {
  // Only what stands in the file knows its file.
  if (node.source().path == nullptr) return "[" + operation + "] " + file + " (set by --set)";
  return "[" + operation + "] " + file + ":" + std::to_string(node.source().begin.line);
}

std::string nearest_word(const std::string& word, const std::vector<std::string>& words, std::size_t most) {
  std::string nearest;
  std::size_t least = most + 1;
  for (const std::string& one : words) {
    if (const std::size_t far = distance(word, one); far < least) {
      least = far;
      nearest = one;
    }
  }
  return nearest;
}

Table::Table(const toml::table& table, std::string file, std::string name, std::string operation, Problems* problems)
    : table_(table),
      file_(std::move(file)),
      name_(std::move(name)),
      operation_(std::move(operation)),
      problems_(problems) {}

void Table::read(const char* key, std::string& value) {
  if (const auto* node = find(key)) value = expect<std::string>(*node, key, "a text").value_or(value);
}
void Table::read(const char* key, bool& value) {
  if (const auto* node = find(key)) value = expect<bool>(*node, key, "true or false").value_or(value);
}
void Table::read(const char* key, std::int64_t& value, std::int64_t least, const char* unit) {
  const auto* node = find(key);
  if (node == nullptr) return;
  const std::string of = *unit == 0 ? "" : std::string(" of ") + unit, more = *unit == 0 ? "" : std::string(" ") + unit;
  const auto number = expect<std::int64_t>(*node, key, "a whole number" + of);
  if (!number) return;
  check(*number >= least, key, "found ", key, " = ", *number, ", expected ", least, " or more", more);
  if (*number >= least) value = *number;
}
void Table::read(const char* key, double& value, double least, const char* unit) {
  const auto* node = find(key);
  if (node == nullptr) return;
  const auto number = node->value<double>();
  const bool is_right = !node->is_boolean() && number.has_value() && std::isfinite(*number) && *number >= least;
  check(is_right, key, "found ", key, " = ", text(*node), ", expected a number from ", least, " up",
        *unit == 0 ? "" : std::string(" (") + unit + ")");
  if (is_right) value = *number;
}
void Table::choose(const char* key, std::string& value, std::initializer_list<const char*> words) {
  const auto* node = find(key);
  if (node == nullptr) return;
  const auto word = expect<std::string>(*node, key, "a text");
  if (!word) return;
  std::string list;
  for (const char* one : words) {
    if (*word == one) {
      value = *word;
      return;
    }
    list += (list.empty() ? "" : ", ") + std::string(one);
  }
  const std::string meant = nearest_word(*word, {words.begin(), words.end()}, 3);
  tell(key, place(*node), ": found ", name_, ".", key, " = '", *word, "', expected one of ", list,
       meant.empty() ? "" : "; did you mean '" + meant + "'?");
}
const toml::node* Table::find(const char* key) {
  known_.insert(key);
  return table_.get(key);
}
void Table::end() {
  for (const auto& [key, node] : table_) {
    const std::string word(key.str());
    if (known_.count(word) > 0 || !unknown_.insert(word).second) continue;
    const std::string nearest = nearest_word(word, {known_.begin(), known_.end()});
    if (!has(nearest.c_str())) faulty_.insert(nearest);
    tell(word.c_str(), place(node), ": found the key '", word, "' in ", name_,
         ", expected one it knows; did you mean '", nearest, "'?");
  }
}

const toml::node& Table::node_at(const char* key) const {
  const toml::node* node = table_.get(key);
  return node != nullptr ? *node : table_;
}
std::size_t Table::line_of(const char* key) const {
  const toml::source_region& source = node_at(key).source();
  return source.path == nullptr ? 0 : source.begin.line;
}

std::string Table::text(const toml::node& node) {
  std::ostringstream stream;
  node.visit([&](const auto& value) { stream << value; });
  return stream.str().substr(0, 60);
}

}  // namespace holdfast::evaluation
