// What the tests of plans share: a plan, a directory with the files that it names, and the errors of a text.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "assessment/plan.h"
#include "base/error.h"

namespace holdfast::assessment {

namespace fs = std::filesystem;

inline constexpr const char* kPlan = R"(name = "a plan"
data = "files"
[model]
path = "{data}/model"
[[benchmark]]
name = "charms"
path = "{data}/charms.jsonl"
[[arm]]
name = "benign"
data = "{data}/rows.jsonl"
steps = 9
checkpoints = [3, 6]
)";

class PlanFile : public ::testing::Test {
 protected:
  PlanFile()
      : directory_(fs::temp_directory_path() /
                   ("holdfast_plan_" + std::to_string(reinterpret_cast<std::uintptr_t>(this)))) {
    for (const char* name : {"files/model", "m"}) write(std::string(name) + "/config.json", "{}");
    for (const char* name : {"files/charms.jsonl", "b.jsonl", "b.csv", "b/x/rows.jsonl", "b/y/rows.jsonl",
                             "files/rows.jsonl", "rows.jsonl", "d", "more.jsonl"})
      write(name, R"({"prompt": "What is a charm?"})");
    for (const char* name : {"adapters/a", "x"}) write(std::string(name) + "/adapter_config.json", "{}");
  }
  ~PlanFile() override { fs::remove_all(directory_); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name) << text;
  }
  Plan read(const std::string& text, const std::vector<std::string>& overrides = {}) {
    std::ofstream(directory_ / "plan.toml") << text;
    return read_plan(directory_ / "plan.toml", overrides);
  }
  std::string error(const std::string& text, const std::vector<std::string>& overrides = {}) {
    try {
      read(text, overrides);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  fs::path directory_;
};

// How often a text holds another.
inline std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace holdfast::assessment
