#include "evaluation/page.h"

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/hash.h"
#include "evaluation/metrics.h"
#include "evaluation/toml_table.h"
#include "text/python_regex.h"

namespace holdfast::evaluation {
namespace {

using nlohmann::ordered_json;

// Reads the tables of one page.
class Reader {
 public:
  Reader(const toml::table& root, std::string file) : root_(root), file_(std::move(file)) {}

  Page read() {
    Table top = table(root_, "the page");
    top.read("name", page_.name);
    check(!page_.name.empty() && page_.name.find_first_of(":=,\" \n") == std::string::npos, root_, "found the name '",
          page_.name, "', expected a word");
    top.read("version", page_.version);
    check(!page_.version.empty(), root_, "found no version, expected one, which is raised when its numbers would move");
    top.read("source", page_.source);
    top.read("kind", page_.kind);
    const auto kinds = {"refusal", "safe", "both", "choice", "recall", "answer"};
    check(std::find(kinds.begin(), kinds.end(), page_.kind) != kinds.end(), root_, "found kind = '", page_.kind,
          "', expected refusal, safe, both, choice, recall or answer");
    read_file(top);
    read_item(top);
    read_shots(top);
    read_scoring(top);
    each(top, "reference", [&](const toml::table& node) {
      Reference one;
      Table fields = table(node, "[[reference]]");
      fields.read("model", one.model);
      fields.read("metric", one.metric);
      fields.read("source", one.source);
      fields.read("value", one.value, 0);
      fields.read("tolerance", one.tolerance, 0);
      fields.end();
      check(!one.model.empty() && !one.source.empty() && one.tolerance > 0, node,
            "found a reference without model, source or tolerance, expected all three");
      check(std::any_of(page_.metrics.begin(), page_.metrics.end(),
                        [&](const Metric& m) { return m.name == one.metric; }),
            node, "found the metric '", one.metric, "', expected one of the page's");
      page_.references.push_back(std::move(one));
    });
    top.end();
    return std::move(page_);
  }

 private:
  Table table(const toml::table& node, const char* name) const { return Table(node, file_, name, "page"); }

  template <typename... Parts>
  void check(bool holds, const toml::node& node, const Parts&... parts) const {
    HOLDFAST_CHECK(kBadInput, holds, location(file_, node, "page"), ": ", parts...);
  }

  const toml::table& find_table(Table& top, const char* key) const {
    static const toml::table kEmpty;
    const auto* node = top.find(key);
    if (node == nullptr) return kEmpty;
    check(node->is_table(), *node, "found ", key, " that is no table, expected [", key, "]");
    return *node->as_table();
  }

  template <typename Visit>
  void each(Table& top, const char* key, const Visit& visit) const {
    const auto* node = top.find(key);
    if (node == nullptr) return;
    check(node->is_array(), *node, "found ", key, " that is no list of tables, expected [[", key, "]]");
    for (const auto& item : *node->as_array()) {
      check(item.is_table(), item, "found ", key, " that is no table, expected [[", key, "]]");
      visit(*item.as_table());
    }
  }

  RowTemplate compile(const toml::node& node, const std::string& key, const std::string& source) const {
    try {
      return RowTemplate(source, "page " + page_.name + ", " + key);
    } catch (const Error& error) {
      const std::string message = error.what();
      fail(ErrorKind::kBadInput, location(file_, node, "page"), ": ", message.substr(message.find(": ") + 2));
    }
  }
  void read_template(Table& fields, const char* key, RowTemplate& out) const {
    std::string source;
    fields.read(key, source);
    if (!source.empty()) out = compile(*fields.find(key), key, source);
  }

  void read_file(Table& top) {
    Table fields = table(find_table(top, "file"), "[file]");
    fields.read("rows", page_.rows, "whole numbers");
    fields.read("classes", page_.classes, 0);
    fields.read("split", page_.split);
    fields.read("folders", page_.has_folders);
    fields.read("words", page_.file_words, "texts");
    fields.end();
    each(top, "form", [&](const toml::table& node) {
      Form form;
      Table one = table(node, "[[form]]");
      one.read("columns", form.columns, "texts");
      one.read("extensions", form.extensions, "texts");
      one.read("headerless", form.is_headerless);
      one.read("distinct", form.is_distinct);
      check(!form.columns.empty() && (!form.is_headerless || form.columns.size() == 1), node, "found ",
            form.columns.size(), " columns in a form", form.is_headerless ? " without a header" : "", ", expected ",
            form.is_headerless ? "one" : "at least one");
      if (const auto* set = one.find("set"); set != nullptr) {
        check(set->is_array(), *set, "found set that is no list, expected [[\"column\", \"{{ ... }}\"], ...]");
        for (const auto& pair : *set->as_array()) {
          const auto* list = pair.as_array();
          check(list != nullptr && list->size() == 2 && (*list)[0].is_string() && (*list)[1].is_string(), pair,
                "found an entry of set that is no pair, expected [\"column\", \"{{ ... }}\"]");
          const std::string column = (*list)[0].ref<std::string>();
          form.set.emplace_back(column, compile(pair, "set " + column, (*list)[1].ref<std::string>()));
        }
      }
      one.end();
      page_.forms.push_back(std::move(form));
    });
    check(!page_.forms.empty(), root_, "found no form, expected at least one [[form]] with columns");
  }

  void read_item(Table& top) {
    const toml::table& node = find_table(top, "item");
    Table fields = table(node, "[item]");
    const std::pair<const char*, RowTemplate*> keys[] = {{"id", &page_.id},
                                                         {"category", &page_.category},
                                                         {"prompt", &page_.prompt},
                                                         {"gold", &page_.gold},
                                                         {"description", &page_.description},
                                                         {"target", &page_.target},
                                                         {"unsafe", &page_.is_unsafe},
                                                         {"openings", &page_.openings},
                                                         {"ending", &page_.ending},
                                                         {"accept", &page_.accept},
                                                         {"true_choices", &page_.true_choices}};
    for (const auto& [key, out] : keys) read_template(fields, key, *out);
    // A list of texts is the same for every row; else a template that gives one.
    if (const auto* choices = fields.find("choices"); choices != nullptr && choices->is_array()) {
      std::vector<std::string> list;
      fields.read("choices", list, "texts");
      page_.choices = compile(*choices, "choices", "{{ " + ordered_json(list).dump() + " }}");
    } else {
      read_template(fields, "choices", page_.choices);
    }
    fields.read("target_delimiter", page_.target_delimiter);
    fields.end();
    const bool is_partial = !page_.openings.is_empty();
    const auto needs = [&](const char* key, bool is_there, bool is_needed) {
      check(is_there == is_needed, node.empty() ? static_cast<const toml::node&>(root_) : node, "found ",
            is_there ? "" : "no ", key, " in [item] of kind ", page_.kind, ", expected ", is_needed ? "it" : "none");
    };
    needs("prompt", !page_.prompt.is_empty(), !is_partial);
    needs("choices", !page_.choices.is_empty(), page_.kind == "choice" && !is_partial);
    needs("gold", !page_.gold.is_empty(), page_.kind == "choice");
    needs("ending", !page_.ending.is_empty(), is_partial);
    needs("openings", is_partial, is_partial && page_.kind == "choice");
    needs("accept", !page_.accept.is_empty(), page_.kind == "recall");
    needs("unsafe", !page_.is_unsafe.is_empty(), page_.kind == "both");
  }

  void read_shots(Table& top) {
    const toml::table& node = find_table(top, "shots");
    Table fields = table(node, "[shots]");
    std::int64_t count = 0;
    std::string sampler = "first_n";
    fields.read("count", count, 0);
    fields.choose("sampler", sampler, {"first_n", "python_random", "fixed"});
    fields.read("split", page_.shots.split);
    fields.read("leaves_question", page_.shots.leaves_question);
    fields.read("delimiter", page_.shot_delimiter);
    read_template(fields, "prompt", page_.shots.prompt);
    read_template(fields, "target", page_.shots.target);
    each(fields, "row", [&](const toml::table& row) {
      std::ostringstream json;
      json << toml::json_formatter(row);
      page_.shots.fixed.push_back(ordered_json::parse(json.str()));
    });
    fields.end();
    page_.shots.count = static_cast<int>(count);
    page_.shots.sampler = sampler == "fixed"     ? Sampler::kFixed
                          : sampler == "first_n" ? Sampler::kFirst
                                                 : Sampler::kPythonRandom;
    check((page_.shots.sampler == Sampler::kFixed) == !page_.shots.fixed.empty(), root_, "found sampler ", sampler,
          " and ", page_.shots.fixed.size(), " rows of shots, expected rows with the sampler fixed and only there");
    check(page_.shots.sampler != Sampler::kFixed || count <= static_cast<std::int64_t>(page_.shots.fixed.size()), root_,
          "found ", count, " shots and ", page_.shots.fixed.size(), " rows, expected a row for each");
  }

  void read_scoring(Table& top) {
    each(top, "metric", [&](const toml::table& node) {
      Metric metric;
      Table fields = table(node, "[[metric]]");
      fields.read("name", metric.name);
      fields.read("pattern", metric.rule.pattern);
      fields.read("takes_last", metric.rule.takes_last);
      fields.read("drop", metric.rule.drop, "texts");
      fields.read("ignores_case", metric.rule.ignores_case);
      fields.read("ignores_punctuation", metric.rule.ignores_punctuation);
      fields.end();
      const auto of_choice = {"acc", "acc_norm", "acc_bytes", "mc1", "mc2"};
      const bool is_choice = std::find(of_choice.begin(), of_choice.end(), metric.name) != of_choice.end();
      const bool is_of_answer = metric.name.starts_with("exact_match") || is_instruction_metric(metric.name);
      check(
          is_choice ? page_.kind == "choice" : page_.kind == "answer" && is_of_answer, node, "found the metric '",
          metric.name, "' in a page of kind ", page_.kind,
          ", expected acc, acc_norm, acc_bytes, mc1 or mc2 for choice; exact_match, exact_match_NAME, ",
          "prompt_level_strict_acc, prompt_level_loose_acc, inst_level_strict_acc or inst_level_loose_acc for answer");
      check((metric.name == "mc2") <= !page_.true_choices.is_empty(), node,
            "found the metric mc2 and no true_choices, expected them in [item]");
      const auto check_pattern = [&](const std::string& pattern) {
        try {
          text::PythonRegex{pattern};
        } catch (const Error& error) {
          const std::string message = error.what();
          check(false, node, message.substr(message.find("] ") + 2));
        }
      };
      check_pattern(metric.rule.pattern);
      for (const std::string& pattern : metric.rule.drop) check_pattern(pattern);
      page_.metrics.push_back(std::move(metric));
    });
    check(!page_.metrics.empty() || (page_.kind != "choice" && page_.kind != "answer"), root_,
          "found no metric, expected at least one [[metric]]");
    const bool has_target = !page_.target.is_empty(),
               needs_target = std::any_of(page_.metrics.begin(), page_.metrics.end(),
                                          [](const Metric&one) { return one.name.starts_with("exact_match"); });
    check(has_target == needs_target, root_, "found ", has_target ? "" : "no ", "target in [item] of kind ", page_.kind,
          needs_target ? ", expected it for exact_match" : " without exact_match, expected none");
    Table fields = table(find_table(top, "generation"), "[generation]");
    fields.read("stop", page_.stop, "texts");
    fields.read("max_new_tokens", page_.max_new_tokens, 1);
    fields.end();
    check(page_.kind == "answer" || (page_.stop.empty() && page_.max_new_tokens == 0), root_,
          "found [generation] in a page of kind ", page_.kind, ", expected it for answer alone");
  }

  const toml::table& root_;
  const std::string file_;
  Page page_;
};

}  // namespace

Page parse_page(std::string_view text, const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& error) {
    fail(ErrorKind::kBadInput, "[page] ", file, ":", error.source().begin.line, ": found text that is no TOML (",
         error.description(), "), expected key = value");
  }
  Page page = Reader(root, file).read();
  page.sha256 = sha256(text);
  return page;
}

const std::vector<Page>& built_in_pages() {
  static const std::vector<Page> kPages = [] {
    std::vector<Page> pages;
    for (const auto& [file, toml] : page_assets()) pages.push_back(parse_page(toml, std::string(file)));
    std::sort(pages.begin(), pages.end(), [](const Page& a, const Page& b) { return a.name < b.name; });
    return pages;
  }();
  return kPages;
}

const Page* find_page(std::string_view name) {
  for (const Page& page : built_in_pages()) {
    if (page.name == name) return &page;
  }
  return nullptr;
}

}  // namespace holdfast::evaluation
