#include "assessment/gate_input.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "text/json_rows.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

enum class Kind { kText, kInteger, kNumber, kObject, kArray, kBool };
struct Key {
  const char* name;
  Kind kind;
  bool is_needed = true;
};

bool is_of(const ordered_json& value, Kind kind) {
  switch (kind) {
    case Kind::kText:
      return value.is_string();
    case Kind::kInteger:
      return value.is_number_integer();
    case Kind::kNumber:
      return value.is_number();
    case Kind::kObject:
      return value.is_object();
    case Kind::kArray:
      return value.is_array();
    case Kind::kBool:
      return value.is_boolean();
  }
  return false;
}

const char* name_of(Kind kind) {
  constexpr const char* kNames[] = {"a text", "a whole number", "a number", "an object", "a list", "true or false"};
  return kNames[static_cast<int>(kind)];
}

class Checker {
 public:
  explicit Checker(std::string file) : file_(std::move(file)) {}

  void check(const ordered_json& value, const std::string& place, const std::vector<Key>& keys) const {
    if (!value.is_object()) refuse(place.empty() ? "no object" : place + " that is no object", "one");
    for (const Key& key : keys) {
      const std::string path = (place.empty() ? "" : place + ".") + key.name;
      const auto found = value.find(key.name);
      if (found == value.end()) {
        if (key.is_needed) refuse("no " + path, name_of(key.kind));
      } else if (!is_of(*found, key.kind)) {
        refuse(path + " " + found->dump(-1, ' ', false, ordered_json::error_handler_t::replace).substr(0, 40),
               name_of(key.kind));
      }
    }
  }

 private:
  [[noreturn]] void refuse(const std::string& found, const std::string& expected) const {
    fail(ErrorKind::kBadFile, "[gate] ", file_, ": found ", found, ", expected ", expected,
         " as results.json of schema 1 has it; try holdfast report on the run");
  }

  std::string file_;
};

// A paired difference: what is held against the limit.
void check_difference(const Checker& checker, const ordered_json& one, const std::string& place) {
  checker.check(
      one, place,
      {{"low", Kind::kNumber}, {"high", Kind::kNumber}, {"n", Kind::kInteger}, {"clustered", Kind::kObject, false}});
  if (!one.contains("clustered")) return;
  ordered_json clustered = one["clustered"];
  for (const char* end : {"low", "high"})  // null where too little varies
    if (clustered.contains(end) && clustered[end].is_null()) clustered.erase(end);
  checker.check(clustered, place + ".clustered", {{"low", Kind::kNumber, false}, {"high", Kind::kNumber, false}});
}

void check_confirmation(const Checker& checker, const ordered_json& one) {
  checker.check(one, "confirmation",
                {{"arm", Kind::kText},
                 {"benchmark", Kind::kText},
                 {"judge", Kind::kText, false},
                 {"seeds", Kind::kArray, false},
                 {"n", Kind::kInteger},
                 {"unscored", Kind::kInteger, false},
                 {"value", Kind::kNumber, false},
                 {"before", Kind::kObject, false},
                 {"difference", Kind::kObject, false}});
  for (const auto& seed : one.value("seeds", ordered_json::array()))
    checker.check({{"seed", seed}}, "confirmation", {{"seed", Kind::kInteger}});
  if (one.contains("before"))
    checker.check(one["before"], "confirmation.before",
                  {{"n", Kind::kInteger}, {"unscored", Kind::kInteger, false}, {"value", Kind::kNumber, false}});
  if (!one.contains("difference")) return;
  checker.check(one["difference"], "confirmation.difference", {{"value", Kind::kNumber}});
  check_difference(checker, one["difference"], "confirmation.difference");
}

}  // namespace

ordered_json read_gate_results(const std::filesystem::path& file) {
  const Checker checker(file.string());
  ordered_json results =
      text::parse_json_object(read_file(file), "[gate] " + file.string(), {1, 1}, "results.json of a run");
  checker.check(results, "", {{"schema", Kind::kInteger}});
  HOLDFAST_CHECK(kBadFile, results["schema"] == 1, "[gate] ", file.string(), ": found schema ",
                 results["schema"].dump(), ", expected results.json of schema 1; try holdfast report on the run");
  checker.check(results, "",
                {{"cells", Kind::kArray},
                 {"comparisons", Kind::kArray},
                 {"confirmation", Kind::kObject, false},
                 {"verdict", Kind::kObject}});
  const std::vector<Key> place = {{"arm", Kind::kText},
                                  {"seed", Kind::kInteger},
                                  {"benchmark", Kind::kText},
                                  {"metric", Kind::kText},
                                  {"judge", Kind::kText}};
  for (std::size_t i = 0; i < results["cells"].size(); ++i) {
    const std::string where = "cells[" + std::to_string(i) + "]";
    checker.check(results["cells"][i], where, place);
    checker.check(results["cells"][i], where,
                  {{"step", Kind::kInteger}, {"n", Kind::kInteger}, {"unscored", Kind::kInteger}});
  }
  for (std::size_t i = 0; i < results["comparisons"].size(); ++i) {
    const std::string where = "comparisons[" + std::to_string(i) + "]";
    checker.check(results["comparisons"][i], where, place);
    checker.check(results["comparisons"][i], where,
                  {{"before", Kind::kNumber}, {"after", Kind::kNumber}, {"difference", Kind::kNumber}});
    check_difference(checker, results["comparisons"][i], where);
  }
  if (results.contains("confirmation")) check_confirmation(checker, results["confirmation"]);
  checker.check(results["verdict"], "verdict",
                {{"finished", Kind::kBool},
                 {"sound", Kind::kBool, false},
                 {"withheld", Kind::kArray, false},
                 {"diverged", Kind::kArray, false}});
  for (const auto& one : results["verdict"].value("withheld", ordered_json::array()))
    checker.check(one, "verdict.withheld", {{"benchmark", Kind::kText}});
  for (const auto& one : results["verdict"].value("diverged", ordered_json::array()))
    checker.check(one, "verdict.diverged", {{"arm", Kind::kText}, {"seed", Kind::kInteger}, {"step", Kind::kInteger}});
  return results;
}

}  // namespace holdfast::assessment
