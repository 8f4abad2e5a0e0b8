#include "assessment/plan_paths.h"

#include <algorithm>
#include <vector>

#include "base/gguf.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;

const char* name_of(PathOf what) {
  switch (what) {
    case PathOf::kFile:
      return "a file";
    case PathOf::kData:
      return "a file or directory";
    case PathOf::kModel:
      return "a checkpoint directory or a GGUF file";
    case PathOf::kAdapter:
      return "a PEFT directory";
    case PathOf::kAnything:
      return "a path";
  }
  return "a path";
}

// "; did you mean 'rows.jsonl'?" of what lies where the path was to be; or how far the path goes.
std::string advice(const fs::path& path) {
  fs::path parent = path.parent_path();
  std::error_code error;
  if (!fs::is_directory(parent, error)) {
    while (!parent.empty() && parent != parent.parent_path() && !fs::is_directory(parent, error))
      parent = parent.parent_path();
    return "; the path is there up to " + parent.string();
  }
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(parent, error)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  const std::string name = path.filename().string(), nearest = evaluation::nearest_word(name, names, name.size() / 2);
  return nearest.empty() ? "; nothing in " + parent.string() + " has a name like it"
                         : "; did you mean '" + nearest + "'?";
}

}  // namespace

std::string PlanPaths::resolve(Table& table, const char* key, const std::string& given, PathOf what) {
  std::string path = given;
  for (std::size_t open; (open = path.find('{')) != std::string::npos;) {
    const std::size_t close = path.find('}', open);
    const std::string name = path.substr(open + 1, close == std::string::npos ? close : close - open - 1);
    const auto found = variables_.find(name);
    const bool is_known = close != std::string::npos && found != variables_.end();
    if (!is_known) {
      table.fault(key, "found the path '", given, "', expected {", name, "} to be set; try --set ", name, "=DIRECTORY");
      return "";
    }
    used_.insert(name);
    path = path.substr(0, open) + found->second + path.substr(close + 1);
  }
  if (path.empty()) return path;
  const fs::path whole = fs::path(path).is_absolute() ? fs::path(path) : (base_ / path).lexically_normal();
  if (must_exist_ && what != PathOf::kAnything) check(table, key, whole, what);
  return fs::path(path).is_absolute() ? path : whole.string();
}

void PlanPaths::check(Table& table, const char* key, const fs::path& path, PathOf what) const {
  std::error_code error;
  const bool is_there = fs::exists(path, error), is_directory = is_there && fs::is_directory(path, error);
  if (!is_there) {
    table.fault(key, "found ", key, " = '", path.string(), "', where nothing is, expected ", name_of(what),
                advice(path));
    return;
  }
  if (what == PathOf::kFile)
    table.check(!is_directory, key, "found ", key, " = '", path.string(), "', a directory, expected a file in it");
  if (what == PathOf::kAdapter)
    table.check(fs::exists(path / "adapter_config.json", error), key, "found ", key, " = '", path.string(),
                "' without adapter_config.json, expected a PEFT directory");
  if (what != PathOf::kModel || !is_directory || fs::exists(path / "config.json", error)) return;
  bool has_gguf = false;
  try {
    has_gguf = find_gguf(path).has_value();
  } catch (const Error& several) {
    table.check(false, key, several.what());
  }
  table.check(has_gguf, key, "found ", key, " = '", path.string(),
              "' without config.json, expected a checkpoint directory or a GGUF file");
}

}  // namespace holdfast::assessment
