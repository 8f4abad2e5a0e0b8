#include "evaluation/judges/judge_file.h"

#include <algorithm>

#include "base/error.h"

namespace holdfast::evaluation {

JudgeFile::JudgeFile(std::string_view toml_text, std::string file) : file_(std::move(file)) {
  try {
    table_ = toml::parse(toml_text, file_);
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::kBadInput, "[judge] ", file_, ":", error.source().begin.line, ": found text that is no TOML (",
         error.description(), "), expected key = value");
  }
}

std::string JudgeFile::place(const char* key) const {
  const auto* node = table_.get(key);
  return "[judge] " + file_ + (node == nullptr ? "" : ":" + std::to_string(node->source().begin.line));
}

const toml::node* JudgeFile::find(const char* key) {
  known_.insert(key);
  return table_.get(key);
}

std::string JudgeFile::text(const char* key) {
  const auto* node = find(key);
  const auto value = node == nullptr ? std::nullopt : node->value_exact<std::string>();
  HOLDFAST_CHECK(kBadInput, value.has_value(), place(key), ": found no text '", key, "', expected ", key, " = \"...\"");
  return *value;
}

std::string JudgeFile::text(const char* key, const std::string& otherwise) {
  return find(key) == nullptr ? otherwise : text(key);
}

std::int64_t JudgeFile::integer(const char* key, std::int64_t otherwise, std::int64_t least) {
  const auto* node = find(key);
  if (node == nullptr) return otherwise;
  const auto value = node->value_exact<std::int64_t>();
  HOLDFAST_CHECK(kBadInput, value.has_value() && *value >= least, place(key), ": found another '", key,
                 "', expected a whole number from ", least, " up");
  return *value;
}

double JudgeFile::number(const char* key, double otherwise, double least) {
  const auto* node = find(key);
  if (node == nullptr) return otherwise;
  const auto value = node->value<double>();
  HOLDFAST_CHECK(kBadInput, value.has_value() && *value >= least, place(key), ": found another '", key,
                 "', expected a number from ", least, " up");
  return *value;
}

bool JudgeFile::truth(const char* key, bool otherwise) {
  const auto* node = find(key);
  if (node == nullptr) return otherwise;
  const auto value = node->value_exact<bool>();
  HOLDFAST_CHECK(kBadInput, value.has_value(), place(key), ": found another '", key, "', expected true or false");
  return *value;
}

std::vector<std::string> JudgeFile::texts(const char* key) {
  std::vector<std::string> texts;
  const auto* node = find(key);
  if (node == nullptr) return texts;
  const auto* list = node->as_array();
  HOLDFAST_CHECK(kBadInput, list != nullptr, place(key), ": found no list '", key, "', expected one of texts");
  for (const auto& one : *list) {
    const auto value = one.value_exact<std::string>();
    HOLDFAST_CHECK(kBadInput, value.has_value() && !value->empty(), "[judge] ", file_, ":", one.source().begin.line,
                   ": found no text, or an empty one, in '", key, "', expected a text");
    texts.push_back(*value);
  }
  return texts;
}

std::vector<std::pair<std::string, std::string>> JudgeFile::table(const char* key) {
  std::vector<std::pair<std::string, std::string>> entries;
  const auto* node = find(key);
  if (node == nullptr) return entries;
  const auto* table = node->as_table();
  HOLDFAST_CHECK(kBadInput, table != nullptr, place(key), ": found no table '", key, "', expected [", key, "]");
  std::vector<std::pair<toml::source_position, std::size_t>>
      order;  // toml++ sorts keys by name; the file's order counts
  for (const auto& [name, value] : *table) {
    const auto text = value.value_exact<std::string>();
    HOLDFAST_CHECK(kBadInput, text.has_value(), "[judge] ", file_, ":", value.source().begin.line, ": found no text ",
                   key, ".", std::string(name.str()), ", expected one");
    order.emplace_back(value.source().begin, entries.size());
    entries.emplace_back(name.str(), *text);
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::pair<std::string, std::string>> sorted;
  for (const auto& [position, index] : order) sorted.push_back(entries[index]);
  return sorted;
}

void JudgeFile::end() const {
  for (const auto& [name, node] : table_) {
    const std::string key(name.str());
    std::string known;
    for (const std::string& one : known_) known += (known.empty() ? "" : ", ") + one;
    HOLDFAST_CHECK(kBadInput, known_.count(key) > 0, "[judge] ", file_, ":", node.source().begin.line,
                   ": found the key '", key, "', expected one of ", known);
  }
}

}  // namespace holdfast::evaluation
