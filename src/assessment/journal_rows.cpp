// What a journal holds, read back.
#include "assessment/journal.h"
#include "assessment/journal_tables.h"

namespace holdfast::assessment {
namespace {

// In the order of the answers' index, and of the verdicts' own: rows come out one by one, nothing is sorted.
constexpr const char* kRowOrder =
    " FROM answers a CROSS JOIN cells c ON c.id = a.cell CROSS JOIN benchmarks b ON b.id = a.benchmark CROSS JOIN "
    "items i "
    "ON i.benchmark = a.benchmark AND i.position = a.position CROSS JOIN verdicts v ON v.answer = a.id ORDER BY "
    "a.cell, "
    "a.benchmark, a.sample, a.position, v.place";

}  // namespace

std::vector<CellKey> Journal::cells() const {
  std::vector<CellKey> cells;
  auto query = database_.prepare("SELECT arm, seed, step FROM cells ORDER BY id");
  while (query.step()) cells.push_back({query.text(0), query.integer(1), query.integer(2)});
  return cells;
}

std::vector<ItemRow> Journal::rows() const {
  std::vector<ItemRow> rows;
  each_row([&](const ItemRow& row) { rows.push_back(row); });
  return rows;
}

void Journal::each_row(const std::function<void(const ItemRow&)>& visit) const {
  const bool is_whole = schema_of(database_) >= 3;
  const std::string sql =
      std::string(
          "SELECT c.arm, c.seed, c.step, a.sample, b.name, i.item, i.category, i.gold, v.judge, v.outcome, v.chosen, "
          "v.correct, a.logprobs, a.tokens, a.position, ") +
      (is_whole ? "v.score, v.degeneration, v.failure" : "NULL, 0, 0") + kRowOrder;
  auto query = database_.prepare(sql.c_str());
  ItemRow row;
  while (query.step()) {
    row.cell.arm = query.view(0);
    row.cell.seed = query.integer(1);
    row.cell.step = query.integer(2);
    row.sample = query.integer(3);
    row.benchmark = query.view(4);
    row.item = query.view(5);
    row.category = query.view(6);
    row.gold = query.is_null(7) ? -1 : static_cast<int>(query.integer(7));
    row.judge = query.view(8);
    const auto index = [&](int column) { return query.is_null(column) ? -1 : static_cast<int>(query.integer(column)); };
    row.verdict.outcome = static_cast<evaluation::Outcome>(query.integer(9));
    row.verdict.chosen = index(10);
    row.verdict.correct = index(11);
    row.verdict.score = query.is_null(15) ? std::nullopt : std::optional(query.real(15));
    row.verdict.degeneration = static_cast<evaluation::Degeneration>(query.integer(16));
    row.verdict.failure = static_cast<evaluation::Failure>(query.integer(17));
    row.logprob = row.verdict.chosen < 0
                      ? std::nullopt
                      : value_of<double>(query.view(12), static_cast<std::size_t>(row.verdict.chosen));
    row.tokens = query.integer(13);
    row.position = query.integer(14);
    visit(row);
  }
}

std::vector<StepRecord> Journal::steps(const std::string& arm, std::int64_t seed) const {
  std::vector<StepRecord> steps;
  auto query = database_.prepare(
      "SELECT step, loss, grad_norm, learning_rate, tokens, target_tokens FROM steps WHERE arm = ? AND seed = ? ORDER "
      "BY step");
  query.bind(1, std::string_view(arm)).bind(2, seed);
  while (query.step())
    steps.push_back(
        {query.integer(0), query.real(1), query.real(2), query.real(3), query.integer(4), query.integer(5)});
  return steps;
}

}  // namespace holdfast::assessment
