#include <algorithm>
#include <functional>
#include <tuple>

#include "assessment/plan_reading.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostCells = 10'000;

// One list of a grid: the values as JSON, in order.
struct Axis {
  std::string key;
  std::vector<ordered_json> values;
};

struct Setting {
  const char* key;
  std::function<void(ArmPlan&, const ordered_json&)> set;
};

const std::vector<Setting>& settings() {
  static const std::vector<Setting> kSettings = {
      {"rank", [](ArmPlan& arm, const ordered_json& value) { arm.rank = value; }},
      {"alpha", [](ArmPlan& arm, const ordered_json& value) { arm.alpha = value; }},
      {"targets", [](ArmPlan& arm, const ordered_json& value) { arm.targets = value.get<std::vector<std::string>>(); }},
      {"lr", [](ArmPlan& arm, const ordered_json& value) { arm.lr = value; }},
      {"steps", [](ArmPlan& arm, const ordered_json& value) { arm.steps = value; }},
      {"data_rows", [](ArmPlan& arm, const ordered_json& value) { arm.data_rows = value; }},
      {"rows_per_step", [](ArmPlan& arm, const ordered_json& value) { arm.rows_per_step = value; }},
  };
  return kSettings;
}

template <typename T>
std::vector<ordered_json> numbers(Table& grid, const char* key, const char* what, double least) {
  std::vector<T> list;
  grid.read(key, list, what);
  std::vector<ordered_json> values;
  for (const T value : list) {
    grid.check(static_cast<double>(value) >= least, key, "found ", key, " = ", ordered_json(value).dump(),
               " in a grid, expected ", least, " or more");
    values.emplace_back(value);
  }
  return values;
}

// Numbers with a point, or whole ones that stand for them.
std::vector<ordered_json> reals(Table& grid, const char* key) {
  std::vector<ordered_json> values;
  const auto* node = grid.find(key);
  const auto add = [&](const toml::node& item) {
    const auto value = item.is_number() ? item.value<double>() : std::nullopt;
    grid.check(value && *value > 0 && *value < 1e300, key, "found ", key, " = ", Table::text(item),
               ", expected a list of numbers above 0");
    values.emplace_back(value.value_or(0));
  };
  if (node->is_array()) {
    for (const auto& item : *node->as_array()) add(item);
  } else {
    add(*node);
  }
  return values;
}

// targets = ["all-linear", ["q_proj", "v_proj"]]: each a module's name, or a list of them.
std::vector<ordered_json> modules(Table& grid, const char* key) {
  std::vector<ordered_json> values;
  const auto* node = grid.find(key);
  grid.check(node->is_array(), key, "found ", key, " = ", Table::text(*node),
             ", expected a list of texts and of lists of texts");
  if (!node->is_array()) return values;
  for (const auto& item : *node->as_array()) {
    ordered_json names = ordered_json::array();
    if (const auto one = item.value_exact<std::string>()) names.push_back(*one);
    if (item.is_array()) {
      for (const auto& name : *item.as_array()) names.push_back(name.value_exact<std::string>().value_or(""));
    }
    const bool is_right = !names.empty() && std::find(names.begin(), names.end(), "") == names.end();
    grid.check(is_right, key, "found ", key, " = ", Table::text(item), ", expected a module's name or a list of them");
    if (is_right) values.push_back(std::move(names));
  }
  return values;
}

std::vector<ordered_json> values_of(Table& grid, const std::string& key) {
  if (key == "alpha" || key == "lr") return reals(grid, key.c_str());
  if (key == "targets") return modules(grid, key.c_str());
  return numbers<std::int64_t>(grid, key.c_str(), "whole numbers", 1);
}

// A value in an arm's name: 16, 0.0005, q_proj+v_proj.
std::string word_of(const ordered_json& value) {
  if (!value.is_array()) return value.dump();
  std::string word;
  for (const auto& name : value) word += (word.empty() ? "" : "+") + name.get<std::string>();
  return word;
}

// The lists as they are declared.  A table sorts its keys, so their places in the file say the order; what --set adds
// has none and comes last.
std::vector<Axis> axes_of(const toml::table& table, Table& grid, Table& arm) {
  struct Key {
    std::string word;
    bool is_set;
    toml::source_index line, column;
  };
  std::vector<Key> keys;
  for (const auto& [key, node] : table) {
    const auto& source = key.source();
    keys.push_back({std::string(key.str()), source.path == nullptr, source.begin.line, source.begin.column});
  }
  std::stable_sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    return std::tie(a.is_set, a.line, a.column) < std::tie(b.is_set, b.line, b.column);
  });
  for (const Setting& one : settings()) grid.find(one.key);
  grid.end();
  std::vector<Axis> axes;
  for (const Key& key : keys) {
    const bool is_known =
        std::any_of(settings().begin(), settings().end(), [&](const Setting& one) { return one.key == key.word; });
    if (!is_known) continue;
    arm.check(!arm.has(key.word.c_str()), key.word.c_str(), "found ", key.word,
              " in the arm and in its grid, expected one of them");
    Axis axis{key.word, values_of(grid, key.word)};
    grid.check(!axis.values.empty(), key.word.c_str(), "found an empty list of ", key.word,
               ", expected at least one value");
    for (std::size_t i = 0; i < axis.values.size(); ++i) {
      const bool is_new = std::find(axis.values.begin(), axis.values.begin() + static_cast<std::ptrdiff_t>(i),
                                    axis.values[i]) == axis.values.begin() + static_cast<std::ptrdiff_t>(i);
      grid.check(is_new, key.word.c_str(), "found ", key.word, " = ", word_of(axis.values[i]),
                 " twice in a grid, expected each value once");
    }
    if (!grid.is_faulty(key.word.c_str())) axes.push_back(std::move(axis));
  }
  return axes;
}

}  // namespace

std::vector<ArmPlan> expand_grid(const toml::table& table, const ArmPlan& family, Table& arm, PlanReading& reading) {
  Table grid = reading.table(table, arm.name() + ".grid");
  const std::size_t num_problems = reading.problems.size();
  const std::vector<Axis> axes = axes_of(table, grid, arm);
  std::size_t num_cells = axes.empty() ? 0 : 1;
  for (const Axis& axis : axes) num_cells = std::min(kMostCells + 1, num_cells * axis.values.size());
  const bool is_sound = reading.problems.size() == num_problems;
  arm.check(num_cells > 0 || !is_sound, "grid", "found a grid without lists, expected rank = [4, 16] or the like");
  arm.check(num_cells <= kMostCells, "grid", "found a grid of more than ", kMostCells, " cells, expected fewer");
  if (!is_sound || num_cells == 0 || num_cells > kMostCells) {
    arm.mark_faulty("grid");  // its steps are not known: nothing is concluded from them
    return {family};
  }
  std::vector<ArmPlan> cells;
  for (std::size_t number = 0; number < num_cells; ++number) {
    ArmPlan cell = family;
    cell.setting = ordered_json::object();
    std::size_t rest = number, block = num_cells;
    for (const Axis& axis : axes) {
      block /= axis.values.size();
      cell.setting[axis.key] = axis.values[rest / block];
      rest %= block;
    }
    std::string words;
    for (const auto& [key, value] : cell.setting.items()) {
      words += (words.empty() ? "" : " ") + key + "=" + word_of(value);
      for (const Setting& one : settings()) {
        if (one.key == key) one.set(cell, value);
      }
    }
    cell.name += "[" + words + "]";
    arm.check(reading.names.insert("arm " + cell.name).second, "name", "found the arm '", cell.name,
              "' a second time, expected each once");
    cells.push_back(std::move(cell));
  }
  return cells;
}

}  // namespace holdfast::assessment
