// Paths of a plan: {name} is a variable, relative ones are looked up beside the plan, and what they name must be there.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "assessment/plan_table.h"

namespace holdfast::assessment {

enum class PathOf {
  kFile,      // one that is read
  kData,      // a file, or a directory of them
  kModel,     // a checkpoint directory, or a GGUF file
  kAdapter,   // a PEFT directory
  kAnything,  // looked up, but not looked at
};

class PlanPaths {
 public:
  // `must_exist` false: nothing is looked at.
  PlanPaths(std::map<std::string, std::string> variables, std::filesystem::path base, bool must_exist)
      : variables_(std::move(variables)), base_(std::move(base)), must_exist_(must_exist) {}

  // `path`, which stands at `key`, as an absolute one; empty as it is.  What is wrong with it is the table's to say.
  std::string resolve(Table& table, const char* key, const std::string& path, PathOf what);
  bool must_exist() const { return must_exist_; }
  bool is_used(const std::string& name) const { return used_.count(name) > 0; }

 private:
  void check(Table& table, const char* key, const std::filesystem::path& path, PathOf what) const;

  std::map<std::string, std::string> variables_;
  std::filesystem::path base_;
  bool must_exist_;
  std::set<std::string> used_;
};

}  // namespace holdfast::assessment
