// The items of a journal's benchmarks, and what the untouched model was asked.
#include "assessment/journal.h"
#include "assessment/journal_tables.h"

namespace holdfast::assessment {

std::vector<StoredItem> Journal::items(const std::string& benchmark) const {
  std::vector<StoredItem> items;
  auto query = database_.prepare(
      "SELECT i.item, i.category FROM items i JOIN benchmarks b ON b.id = i.benchmark WHERE b.name = ? ORDER BY "
      "i.position");
  query.bind(1, std::string_view(benchmark));
  while (query.step()) items.push_back({query.text(0), query.text(1)});
  return items;
}

std::vector<StoredPrompt> Journal::prompts(const std::string& benchmark) const {
  std::vector<StoredPrompt> prompts;
  auto query = database_.prepare(
      "SELECT i.item, a.prompt_ids FROM answers a JOIN benchmarks b ON b.id = a.benchmark "
      "JOIN items i ON i.benchmark = a.benchmark AND i.position = a.position JOIN cells c ON c.id = a.cell "
      "WHERE b.name = ? AND c.arm = 'base' AND a.sample = 0 ORDER BY a.position");
  query.bind(1, std::string_view(benchmark));
  while (query.step()) prompts.push_back({query.text(0), values_of<std::int32_t>(query.text(1))});
  return prompts;
}

}  // namespace holdfast::assessment
