// The items of a journal's benchmarks, what the untouched model was asked, and answers beside each other.
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

std::vector<Likeness> Journal::likenesses(const CellKey& first, const CellKey& second) const {
  std::vector<Likeness> list;
  auto query = database_.prepare(
      "SELECT n.name, count(*), sum(a.prompt_ids <> b.prompt_ids OR a.ids <> b.ids OR a.text <> b.text OR "
      "a.is_truncated <> b.is_truncated OR a.logprobs <> b.logprobs) FROM answers a JOIN answers b ON b.cell = ? AND "
      "b.benchmark = a.benchmark AND b.sample = a.sample AND b.position = a.position JOIN benchmarks n ON n.id = "
      "a.benchmark WHERE a.cell = ? GROUP BY n.id ORDER BY n.id");
  query.bind(1, cell_id(second)).bind(2, cell_id(first));
  while (query.step()) list.push_back({query.text(0), query.integer(1), query.integer(2)});
  return list;
}

void Journal::each_judged(const std::function<void(const JudgedText&)>& visit) const {
  auto query = database_.prepare(
      "SELECT c.arm, c.seed, c.step, b.name, v.judge, a.text, v.outcome FROM answers a CROSS JOIN cells c ON c.id = "
      "a.cell CROSS JOIN benchmarks b ON b.id = a.benchmark CROSS JOIN verdicts v ON v.answer = a.id "
      "ORDER BY a.cell, a.benchmark, a.sample, a.position, v.place");
  while (query.step()) {
    visit({{query.text(0), query.integer(1), query.integer(2)},
           query.text(3),
           query.text(4),
           query.text(5),
           static_cast<evaluation::Outcome>(query.integer(6))});
  }
}

void Journal::set_calibration(const nlohmann::ordered_json& calibration) {
  database_.prepare("INSERT OR REPLACE INTO meta VALUES ('calibration', ?)")
      .bind(1, std::string_view(calibration.dump()))
      .run();
}

nlohmann::ordered_json Journal::calibration() const {
  auto query = database_.prepare("SELECT value FROM meta WHERE key = 'calibration'");
  return query.step() ? nlohmann::ordered_json::parse(query.text(0)) : nlohmann::ordered_json();
}

}  // namespace holdfast::assessment
