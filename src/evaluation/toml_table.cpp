#include "evaluation/toml_table.h"

#include <algorithm>
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

Table::Table(const toml::table& table, std::string file, std::string name, std::string operation)
    : table_(table), file_(std::move(file)), name_(std::move(name)), operation_(std::move(operation)) {}

void Table::read(const char* key, std::string& value) {
  if (const auto* node = find(key)) value = expect<std::string>(*node, key, "a text");
}
void Table::read(const char* key, bool& value) {
  if (const auto* node = find(key)) value = expect<bool>(*node, key, "true or false");
}
void Table::read(const char* key, std::int64_t& value, std::int64_t least) {
  if (const auto* node = find(key)) {
    value = expect<std::int64_t>(*node, key, "a whole number");
    HOLDFAST_CHECK(kBadInput, value >= least, place(*node), ": found ", key, " = ", value, ", expected ", least,
                   " or more");
  }
}
void Table::read(const char* key, double& value, double least) {
  if (const auto* node = find(key)) {
    const auto number = node->value<double>();
    HOLDFAST_CHECK(kBadInput, number.has_value() && *number >= least, place(*node), ": found ", key, " = ", text(*node),
                   ", expected a number from ", least, " up");
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
  fail(ErrorKind::kBadInput, "[", operation_, "] ", file_, ": found ", name_, ".", key, " = '", value,
       "', expected one of ", list);
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
    fail(ErrorKind::kBadInput, place(node), ": found the key '", word, "' in ", name_,
         ", expected one it knows; did you mean '", nearest, "'?");
  }
}

std::string Table::text(const toml::node& node) {
  std::ostringstream stream;
  node.visit([&](const auto& value) { stream << value; });
  return stream.str().substr(0, 60);
}

}  // namespace holdfast::evaluation
