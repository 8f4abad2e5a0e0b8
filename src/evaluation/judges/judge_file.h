// The TOML files of judges: word lists and templates.  Every key is known; what is left over is an error.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::evaluation {

// The files of assets/judges: name and bytes of each.
std::span<const std::pair<std::string_view, std::string_view>> judge_assets();

class JudgeFile {
 public:
  // `file` names it in errors.  Throws Error(kBadInput): `[judge] FILE:LINE: found ..., expected ...`.
  JudgeFile(std::string_view toml_text, std::string file);

  bool has(const char* key) { return find(key) != nullptr; }
  std::string text(const char* key);  // needed
  std::string text(const char* key, const std::string& otherwise);
  std::int64_t integer(const char* key, std::int64_t otherwise, std::int64_t least);
  double number(const char* key, double otherwise, double least);
  bool truth(const char* key, bool otherwise);
  std::vector<std::string> texts(const char* key);  // empty when the key is missing
  // A table of texts or of numbers in the order of the file's keys, as [readings] is.
  std::vector<std::pair<std::string, std::string>> table(const char* key);
  void end() const;

  // "[judge] FILE:LINE" of a key, for errors about its value.
  std::string place(const char* key) const;

 private:
  const toml::node* find(const char* key);
  toml::table table_;
  std::string file_;
  std::set<std::string> known_;
};

}  // namespace holdfast::evaluation
