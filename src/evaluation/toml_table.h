// Reading a TOML table of which every key is known: what is left over at the end is an error.
#pragma once

#include <toml++/toml.h>

#include <initializer_list>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"

namespace holdfast::evaluation {

// "[plan] FILE:LINE" of a node, or "[plan] FILE (set by --set)" of one that stands in no file.  `operation`: plan,
// page.
std::string location(const std::string& file, const toml::node& node, const std::string& operation = "plan");

class Table {
 public:
  // `name`: as an error calls it.  `operation`: what an error begins with.  `table` must outlive this.
  Table(const toml::table& table, std::string file, std::string name, std::string operation = "plan");

  // Each leaves `value` as it is when the key is missing; throws Error(kBadInput) naming file, line and what is there.
  void read(const char* key, std::string& value);
  void read(const char* key, bool& value);
  void read(const char* key, std::int64_t& value, std::int64_t least);
  void read(const char* key, double& value, double least);
  // A list, or one value that stands for a list of one.
  template <typename T>
  void read(const char* key, std::vector<T>& values, const char* what) {
    const auto* node = find(key);
    if (node == nullptr) return;
    values.clear();
    if (const auto one = node->value_exact<T>(); one) {
      values.push_back(*one);
      return;
    }
    HOLDFAST_CHECK(kBadInput, node->is_array(), place(*node), ": found ", key, " = ", text(*node),
                   ", expected a list of ", what);
    for (const auto& item : *node->as_array()) values.push_back(expect<T>(item, key, what));
  }
  void choose(const char* key, std::string& value, std::initializer_list<const char*> words);
  // The node, which counts as read; null when there is none.
  const toml::node* find(const char* key);
  // Throws Error(kBadInput) for a key that nothing asked for, with the nearest one.
  void end() const;

  // "[OPERATION] FILE:LINE" of a node.
  std::string place(const toml::node& node) const { return location(file_, node, operation_); }

 private:
  static std::string text(const toml::node& node);
  template <typename T>
  T expect(const toml::node& node, const char* key, const char* what) const {
    const auto value = node.value_exact<T>();
    HOLDFAST_CHECK(kBadInput, value.has_value(), place(node), ": found ", key, " = ", text(node), ", expected ", what);
    return *value;
  }

  const toml::table& table_;
  std::string file_, name_, operation_;
  std::set<std::string> known_;
};

}  // namespace holdfast::evaluation
