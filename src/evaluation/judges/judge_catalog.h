// What assets/judges holds: every judge that can be named without a file, and where each comes from.
#pragma once

#include <string>
#include <vector>

namespace holdfast::evaluation {

struct CatalogEntry {
  std::string name;
  bool is_list = false;  // else a template, which a model or an endpoint fills
  std::string rule;      // "29 strings, anywhere, case kept"; "asked as a user's message, rubric"
  std::string source, license, sha256;
  std::string model;  // that a template was made for, where there is one
};

// Lists first, both by name.
std::vector<CatalogEntry> judge_catalog();

}  // namespace holdfast::evaluation
