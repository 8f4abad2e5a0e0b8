#include "assessment/plan.h"

#include <toml++/toml.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;

std::string location(const std::string& file, const toml::node& node) {
  return "[plan] " + file + ":" + std::to_string(node.source().begin.line);
}

// Levenshtein distance, for "did you mean".
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j)
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])}));
  }
  return row.back();
}

// Reads the keys of one table; what is left over at the end is an error.
class Table {
 public:
  Table(const toml::table& table, std::string file, std::string name)
      : table_(table), file_(std::move(file)), name_(std::move(name)) {}

  void read(const char* key, std::string& value) {
    if (const auto* node = find(key)) value = expect<std::string>(*node, key, "a text");
  }
  void read(const char* key, std::int64_t& value, std::int64_t least) {
    if (const auto* node = find(key)) {
      value = expect<std::int64_t>(*node, key, "a whole number");
      HOLDFAST_CHECK(kBadInput, value >= least, location(file_, *node), ": found ", key, " = ", value, ", expected ",
                     least, " or more");
    }
  }
  void read(const char* key, double& value, double least) {
    if (const auto* node = find(key)) {
      const auto number = node->value<double>();
      HOLDFAST_CHECK(kBadInput, number.has_value() && *number >= least, location(file_, *node), ": found ", key, " = ",
                     text(*node), ", expected a number from ", least, " up");
      value = *number;
    }
  }
  template <typename T>
  void read(const char* key, std::vector<T>& values, const char* what) {
    const auto* node = find(key);
    if (node == nullptr) return;
    values.clear();
    if (const auto one = node->value<T>(); one && !node->is_array()) {
      values.push_back(*one);
      return;
    }
    HOLDFAST_CHECK(kBadInput, node->is_array(), location(file_, *node), ": found ", key, " = ", text(*node),
                   ", expected a list of ", what);
    for (const auto& item : *node->as_array()) values.push_back(expect<T>(item, key, what));
  }
  void choose(const char* key, std::string& value, std::initializer_list<const char*> words) {
    read(key, value);
    std::string list;
    for (const char* word : words) {
      if (value == word) return;
      list += (list.empty() ? "" : ", ") + std::string(word);
    }
    fail(ErrorKind::kBadInput, "[plan] ", file_, ": found ", name_, ".", key, " = '", value, "', expected one of ",
         list);
  }
  const toml::node* find(const char* key) {
    known_.insert(key);
    return table_.get(key);
  }
  void end() const {
    for (const auto& [key, node] : table_) {
      const std::string word(key.str());
      if (known_.count(word) > 0) continue;
      std::string nearest = *known_.begin();
      for (const std::string& one : known_) {
        if (distance(word, one) < distance(word, nearest)) nearest = one;
      }
      fail(ErrorKind::kBadInput, location(file_, node), ": found the key '", word, "' in ", name_,
           ", expected one it knows; did you mean '", nearest, "'?");
    }
  }

 private:
  static std::string text(const toml::node& node) {
    std::ostringstream stream;
    node.visit([&](const auto& value) { stream << value; });
    return stream.str().substr(0, 60);
  }
  template <typename T>
  T expect(const toml::node& node, const char* key, const char* what) const {
    const auto value = node.value_exact<T>();
    HOLDFAST_CHECK(kBadInput, value.has_value(), location(file_, node), ": found ", key, " = ", text(node),
                   ", expected ", what);
    return *value;
  }

  const toml::table& table_;
  std::string file_, name_;
  std::set<std::string> known_;
};

// Puts "a.b=value" into the table; the value is TOML, or else a text.
void apply_override(toml::table& root, const std::string& override_text) {
  const std::size_t equals = override_text.find('=');
  HOLDFAST_CHECK(kBadInput, equals != std::string::npos && equals > 0, "[options] found --set ", override_text,
                 ", expected key=value; try --set generation.max_new_tokens=64");
  std::string path = override_text.substr(0, equals);
  const std::string value = override_text.substr(equals + 1);
  toml::table* table = &root;
  for (std::size_t dot; (dot = path.find('.')) != std::string::npos;) {
    const std::string key = path.substr(0, dot);
    path = path.substr(dot + 1);
    if ((key == "arm" || key == "benchmark") && table == &root) {
      // Names may hold no dot here: NAME ends at the next one.
      const std::size_t end = path.find('.');
      HOLDFAST_CHECK(kBadInput, end != std::string::npos, "[options] found --set ", override_text, ", expected ", key,
                     ".NAME.key=value");
      const std::string name = path.substr(0, end);
      path = path.substr(end + 1);
      toml::table* found = nullptr;
      if (auto* list = root[key].as_array()) {
        for (auto& item : *list) {
          if (item.is_table() && item.as_table()->get("name") &&
              item.as_table()->get("name")->value<std::string>() == name)
            found = item.as_table();
        }
      }
      HOLDFAST_CHECK(kBadInput, found != nullptr, "[options] found --set ", override_text, ", but the plan has no ",
                     key, " named '", name, "'");
      table = found;
      continue;
    }
    if (table->get(key) == nullptr) table->insert(key, toml::table{});
    HOLDFAST_CHECK(kBadInput, table->get(key)->is_table(), "[options] found --set ", override_text, ", but '", key,
                   "' is no table");
    table = table->get(key)->as_table();
  }
  try {
    toml::table parsed = toml::parse("value = " + value);
    table->insert_or_assign(path, std::move(*parsed.get("value")));
  } catch (const toml::parse_error&) {
    table->insert_or_assign(path, value);
  }
}

std::string resolve(std::string path, const std::map<std::string, std::string>& variables, const fs::path& base,
                    const std::string& where) {
  for (std::size_t open; (open = path.find('{')) != std::string::npos;) {
    const std::size_t close = path.find('}', open);
    const std::string name = path.substr(open + 1, close == std::string::npos ? close : close - open - 1);
    const auto found = variables.find(name);
    HOLDFAST_CHECK(kBadInput, close != std::string::npos && found != variables.end(), where, ": found the path '", path,
                   "', expected {", name, "} to be set; try --set ", name, "=DIRECTORY");
    path = path.substr(0, open) + found->second + path.substr(close + 1);
  }
  if (path.empty()) return path;
  return fs::path(path).is_absolute() ? path : (base / path).lexically_normal().string();
}

}  // namespace

Plan read_plan(const fs::path& path, const std::vector<std::string>& overrides) {
  const std::string file = path.string();
  toml::table root;
  try {
    root = toml::parse(read_file(path), file);
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::kBadInput, "[plan] ", file, ":", error.source().begin.line, ": found text that is no TOML (",
         error.description(), "), expected key = value");
  }
  const fs::path base = fs::absolute(path).parent_path();
  // Variables: top-level texts.  Those of the plan are relative to it, those of the command line to the working
  // directory.
  std::map<std::string, std::string> variables;
  const std::set<std::string> plain = {"name", "seed"};
  const auto collect = [&](const fs::path& from) {
    for (const auto& [key, node] : root) {
      const std::string word(key.str());
      const auto text = node.value<std::string>();
      if (text && plain.count(word) == 0 && variables.count(word) == 0)
        variables[word] = (fs::path(*text).is_absolute() ? fs::path(*text) : from / *text).lexically_normal().string();
    }
  };
  for (const std::string& one : overrides) {
    if (const std::size_t equals = one.find('=');
        equals != std::string::npos && one.find('.') > equals && plain.count(one.substr(0, equals)) == 0) {
      variables[one.substr(0, equals)] = (fs::current_path() / one.substr(equals + 1)).lexically_normal().string();
    }
    apply_override(root, one);
  }
  collect(base);

  Plan plan;
  Table top(root, file, "the plan");
  top.read("name", plan.name);
  top.read("seed", plan.seed, 0);
  for (const auto& [name, value] : variables) top.find(name.c_str());

  const auto table_of = [&](const char* key) -> const toml::table& {
    static const toml::table kEmpty;
    const auto* node = top.find(key);
    if (node == nullptr) return kEmpty;
    HOLDFAST_CHECK(kBadInput, node->is_table(), location(file, *node), ": found ", key, " that is no table, expected [",
                   key, "]");
    return *node->as_table();
  };
  const std::string where = "[plan] " + file;
  Table model(table_of("model"), file, "[model]");
  model.read("path", plan.model.path);
  model.choose("precision", plan.model.precision, {"nf4", "bf16", "fp32"});
  model.read("template_date", plan.model.template_date);
  model.read("system_prompt", plan.model.system_prompt);
  model.end();
  HOLDFAST_CHECK(kBadInput, !plan.model.path.empty(), where,
                 ": found no model.path, expected a checkpoint directory; try [model] path = \"...\"");
  plan.model.path = resolve(plan.model.path, variables, base, where);

  Table generation(table_of("generation"), file, "[generation]");
  generation.read("max_new_tokens", plan.generation.max_new_tokens, 1);
  generation.read("samples", plan.generation.samples, 1);
  generation.read("wave", plan.generation.wave, 1);
  generation.read("temperature", plan.generation.temperature, 0);
  generation.read("top_p", plan.generation.top_p, 1e-6);
  generation.end();

  Table price(table_of("price"), file, "[price]");
  price.read("usd_per_hour", plan.usd_per_hour, 0);
  price.end();

  const auto each = [&](const char* key, const std::function<void(Table&, const std::string&)>& read) {
    const auto* node = top.find(key);
    if (node == nullptr) return;
    HOLDFAST_CHECK(kBadInput, node->is_array(), location(file, *node), ": found ", key,
                   " that is no list of tables, expected [[", key, "]]");
    for (const auto& item : *node->as_array()) {
      HOLDFAST_CHECK(kBadInput, item.is_table(), location(file, item), ": found ", key,
                     " that is no table, expected [[", key, "]]");
      Table table(*item.as_table(), file, "[[" + std::string(key) + "]]");
      read(table, location(file, item));
      table.end();
    }
  };
  std::set<std::string> names;
  const auto check_name = [&](const std::string& name, const char* what, const std::string& place) {
    HOLDFAST_CHECK(kBadInput, !name.empty() && name.find_first_of(",\"\n\r") == std::string::npos, place,
                   ": found the ", what, " name '", name, "', expected a text without commas, quotes and line ends");
    HOLDFAST_CHECK(kBadInput, names.insert(std::string(what) + " " + name).second, place, ": found the ", what, " '",
                   name, "' a second time, expected each once");
  };
  each("benchmark", [&](Table& table, const std::string& place) {
    BenchmarkPlan one;
    table.read("name", one.name);
    table.read("kind", one.kind);
    table.read("path", one.path);
    table.read("judges", one.judges, "texts");
    table.choose("at", one.at, {"all", "ends"});
    table.choose("truncated", one.truncated, {"degenerate", "judge"});
    table.read("limit", one.limit, 0);
    table.read("shots", one.shots, 0);
    table.read("max_new_tokens", one.max_new_tokens, 0);
    table.read("subjects", one.subjects, "texts");
    check_name(one.name, "benchmark", place);
    one.path = resolve(one.path, variables, base, place);
    plan.benchmarks.push_back(std::move(one));
  });
  each("arm", [&](Table& table, const std::string& place) {
    ArmPlan one;
    table.read("name", one.name);
    table.choose("kind", one.kind, {"attack", "benign", "no-op"});
    table.read("data", one.data);
    table.read("steps", one.steps, 0);
    table.read("checkpoints", one.checkpoints, "whole numbers");
    table.read("seeds", one.seeds, "whole numbers");
    table.read("rank", one.rank, 1);
    table.read("alpha", one.alpha, 0);
    table.read("targets", one.targets, "texts");
    table.read("lr", one.lr, 0);
    table.choose("schedule", one.schedule, {"constant", "linear", "cosine"});
    table.choose("order", one.order, {"seeded", "file"});
    table.read("warmup_steps", one.warmup_steps, 0);
    table.read("weight_decay", one.weight_decay, 0);
    table.read("max_grad_norm", one.max_grad_norm, 0);
    table.read("rows_per_step", one.rows_per_step, 1);
    table.read("tokens_per_step", one.tokens_per_step, 0);
    check_name(one.name, "arm", place);
    HOLDFAST_CHECK(kBadInput, one.name != "base", place,
                   ": found an arm named 'base', expected another name: that is the untouched model");
    HOLDFAST_CHECK(kBadInput, one.steps == 0 || !one.data.empty(), place, ": found ", one.steps,
                   " steps without data, expected data = \"FILE\"");
    HOLDFAST_CHECK(kBadInput, one.kind != "no-op" || one.steps == 0, place, ": found a no-op arm with ", one.steps,
                   " steps, expected 0");
    HOLDFAST_CHECK(kBadInput, !one.seeds.empty(), place, ": found no seeds, expected at least one");
    for (const std::int64_t step : one.checkpoints)
      HOLDFAST_CHECK(kBadInput, step >= 1 && step <= one.steps, place, ": found checkpoint ", step, ", expected 1 .. ",
                     one.steps);
    one.checkpoints.push_back(one.steps);
    std::sort(one.checkpoints.begin(), one.checkpoints.end());
    one.checkpoints.erase(std::unique(one.checkpoints.begin(), one.checkpoints.end()), one.checkpoints.end());
    one.data = resolve(one.data, variables, base, place);
    plan.arms.push_back(std::move(one));
  });
  top.end();
  HOLDFAST_CHECK(kBadInput, !plan.benchmarks.empty(), where,
                 ": found no benchmark, expected at least one; try [[benchmark]] name = ..., path = ...");
  return plan;
}

nlohmann::ordered_json canonical_plan(const Plan& plan) {
  const auto hash = [](const std::string& path) { return path.empty() ? std::string() : sha256_path(path); };
  nlohmann::ordered_json json = {{"name", plan.name},
                                 {"seed", plan.seed},
                                 {"model",
                                  {{"precision", plan.model.precision},
                                   {"template_date", plan.model.template_date},
                                   {"system_prompt", plan.model.system_prompt}}},
                                 {"generation",
                                  {{"max_new_tokens", plan.generation.max_new_tokens},
                                   {"samples", plan.generation.samples},
                                   {"wave", plan.generation.wave},
                                   {"temperature", plan.generation.temperature},
                                   {"top_p", plan.generation.top_p}}},
                                 {"price", {{"usd_per_hour", plan.usd_per_hour}}}};
  for (const BenchmarkPlan& b : plan.benchmarks) {
    std::string data_hash;
    if (b.subjects.empty()) data_hash = hash(b.path);
    for (const std::string& subject : b.subjects)
      data_hash += hash((fs::path(b.path) / subject).string()).substr(0, 16);
    json["benchmark"][b.name] = {{"kind", b.kind},
                                 {"path_sha256", data_hash},
                                 {"judges", b.judges},
                                 {"at", b.at},
                                 {"limit", b.limit},
                                 {"shots", b.shots},
                                 {"max_new_tokens", b.max_new_tokens},
                                 {"subjects", b.subjects},
                                 {"truncated", b.truncated}};
  }
  for (const ArmPlan& a : plan.arms) {
    json["arm"][a.name] = {{"kind", a.kind},
                           {"data_sha256", hash(a.data)},
                           {"adapter_sha256", hash(a.adapter)},
                           {"steps", a.steps},
                           {"checkpoints", a.checkpoints},
                           {"seeds", a.seeds},
                           {"rank", a.rank},
                           {"alpha", a.alpha},
                           {"targets", a.targets},
                           {"lr", a.lr},
                           {"schedule", a.schedule},
                           {"order", a.order},
                           {"warmup_steps", a.warmup_steps},
                           {"weight_decay", a.weight_decay},
                           {"max_grad_norm", a.max_grad_norm},
                           {"rows_per_step", a.rows_per_step},
                           {"tokens_per_step", a.tokens_per_step}};
  }
  return json;
}

}  // namespace holdfast::assessment
