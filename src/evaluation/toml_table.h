// Reading a TOML table of which every key is known: what is left over at the end is an error.
//
// A table throws the first thing that is wrong with it, or, given a list, puts all of them there and reads on: a value
// that is wrong stays what it was, and its key counts as faulty, so that nothing is concluded from it.
#pragma once

#include <toml++/toml.h>

#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"

namespace holdfast::evaluation {

struct Problem {
  std::size_t line = 0;  // 0: it stands in no line of the file
  std::string message;
};
using Problems = std::vector<Problem>;

// "[plan] FILE:LINE" of a node, or "[plan] FILE (set by --set)" of one that stands in no file.  `operation`: plan,
// page.
std::string location(const std::string& file, const toml::node& node, const std::string& operation = "plan");

// Of these words the nearest to one, by edit distance; empty where there are none, or where none is so near that it may
// have been meant (further than `most`).
std::string nearest_word(const std::string& word, const std::vector<std::string>& words, std::size_t most = 1000);

class Table {
 public:
  // `name`: as an error calls it.  `operation`: what an error begins with.  `table`, and `problems` where they are
  // collected, must outlive this.
  Table(const toml::table& table, std::string file, std::string name, std::string operation = "plan",
        Problems* problems = nullptr);

  // Each leaves `value` as it is when the key is missing; says file, line and what is there where it is no such value.
  // `unit`: of what it is a number ("optimiser steps").
  void read(const char* key, std::string& value);
  void read(const char* key, bool& value);
  void read(const char* key, std::int64_t& value, std::int64_t least, const char* unit = "");
  void read(const char* key, double& value, double least, const char* unit = "");
  // A list, or one value that stands for a list of one.
  template <typename T>
  void read(const char* key, std::vector<T>& values, const char* what) {
    const auto* node = find(key);
    if (node == nullptr) return;
    std::vector<T> list;
    if (const auto one = node->value_exact<T>(); one) {
      list.push_back(*one);
    } else if (!node->is_array()) {
      tell(key, place(*node), ": found ", key, " = ", text(*node), ", expected a list of ", what);
      return;
    } else {
      for (const auto& item : *node->as_array()) {
        const auto value = expect<T>(item, key, what);
        if (!value) return;
        list.push_back(*value);
      }
    }
    values = std::move(list);
  }
  void choose(const char* key, std::string& value, std::initializer_list<const char*> words);
  // The node, which counts as read; null when there is none.
  const toml::node* find(const char* key);
  // Says for each key that nothing asked for that it is unknown, with the nearest one, which counts as faulty then
  // where the table has none of its own.
  void end();

  // Says that a value is wrong, at the line of its key or the table's own, unless the condition holds or the key is
  // faulty already.
  template <typename... Parts>
  void check(bool condition, const char* key, const Parts&... parts) {
    if (!condition && !is_faulty(key)) fault(key, parts...);
  }
  // Says so whatever has been said of the key: of each value of a list.
  template <typename... Parts>
  void fault(const char* key, const Parts&... parts) {
    tell(key, place(key), ": ", parts...);
  }
  bool is_faulty(const char* key) const { return faulty_.count(key) > 0; }
  // For a key whose fault another table has told.
  void mark_faulty(const char* key) { faulty_.insert(key); }
  bool has(const char* key) const { return table_.get(key) != nullptr; }

  // "[OPERATION] FILE:LINE" of a node, or of a key's value: the table's own where there is none.
  std::string place(const toml::node& node) const { return location(file_, node, operation_); }
  std::string place(const char* key) const { return place(node_at(key)); }
  const std::string& name() const { return name_; }

  static std::string text(const toml::node& node);

 private:
  const toml::node& node_at(const char* key) const;
  template <typename... Parts>
  void tell(const char* key, const Parts&... parts) {
    faulty_.insert(key);
    if (problems_ == nullptr) fail(ErrorKind::kBadInput, parts...);
    problems_->push_back({line_of(key), internal::concatenate(parts...)});
  }
  std::size_t line_of(const char* key) const;
  template <typename T>
  std::optional<T> expect(const toml::node& node, const char* key, const std::string& what) {
    const auto value = node.value_exact<T>();
    if (!value) tell(key, place(node), ": found ", key, " = ", text(node), ", expected ", what);
    return value;
  }

  const toml::table& table_;
  std::string file_, name_, operation_;
  Problems* problems_;
  std::set<std::string> known_, unknown_, faulty_;  // unknown_: those that have been told
};

}  // namespace holdfast::evaluation
