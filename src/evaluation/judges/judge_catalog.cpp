#include "evaluation/judges/judge_catalog.h"

#include <algorithm>
#include <tuple>

#include "evaluation/judges/judge_file.h"
#include "evaluation/judges/judge_template.h"
#include "evaluation/judges/word_list.h"

namespace holdfast::evaluation {
namespace {

std::string list_rule(JudgeFile& file, std::size_t num_strings) {
  return std::to_string(num_strings) + " strings, " +
         (file.text("match") == "prefix" ? "at the beginning, " : "anywhere, ") +
         (file.truth("ignores_case", false) ? "lower case" : "case kept");
}

std::string template_rule(JudgeFile& file) {
  const std::string style = file.text("style");
  return (style == "raw"    ? "asked as it stands, "
          : style == "chat" ? "asked as a user's message, "
                            : "asked by the model's own chat template, ") +
         file.text("read");
}

}  // namespace

std::vector<CatalogEntry> judge_catalog() {
  std::vector<CatalogEntry> entries;
  for (const auto& [name, bytes] : judge_assets()) {
    const std::string asset(name);
    JudgeFile file(bytes, asset);
    CatalogEntry entry{.name = file.text("name"),
                       .is_list = file.text("kind") == "list",
                       .source = file.text("source"),
                       .license = file.text("license", ""),
                       .model = file.text("model", "")};
    if (entry.is_list) {
      const WordList list(bytes, asset);
      entry.rule = list_rule(file, list.strings().size());
      entry.sha256 = list.sha256();
    } else {
      entry.rule = template_rule(file);
      entry.sha256 = JudgeTemplate(bytes, asset).sha256();
    }
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const CatalogEntry& a, const CatalogEntry& b) {
    return std::tuple(!a.is_list, a.name) < std::tuple(!b.is_list, b.name);
  });
  return entries;
}

}  // namespace holdfast::evaluation
