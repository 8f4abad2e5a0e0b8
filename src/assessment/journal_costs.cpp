// What a journal says of costs, of trainings that diverged, and of the overlap of data and benchmarks.
#include <map>
#include <string>
#include <utility>

#include "assessment/journal.h"
#include "assessment/journal_tables.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;

void put_document(const Database& database, const char* key, const ordered_json& document) {
  database.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)")
      .bind(1, std::string_view(key))
      .bind(2, std::string_view(document.dump()))
      .run();
}

ordered_json document(const Database& database, const char* key) {
  auto query = database.prepare("SELECT value FROM meta WHERE key = ?");
  query.bind(1, std::string_view(key));
  return query.step() ? ordered_json::parse(query.text(0)) : ordered_json();
}

}  // namespace

void Journal::record_phase(const PhaseRecord& p) {
  auto insert = database_.prepare(
      "INSERT INTO phases (phase, arm, seconds, tokens, flops, peak_memory_bytes, device_seconds, energy_joules, "
      "computed_tokens, output_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, std::string_view(p.phase))
      .bind(2, std::string_view(p.arm))
      .bind(3, p.seconds)
      .bind(4, p.tokens)
      .bind(5, p.flops)
      .bind(6, p.peak_memory_bytes);
  p.device_seconds ? insert.bind(7, *p.device_seconds) : insert.bind_null(7);
  p.energy_joules ? insert.bind(8, *p.energy_joules) : insert.bind_null(8);
  p.computed_tokens ? insert.bind(9, *p.computed_tokens) : insert.bind_null(9);
  p.output_tokens ? insert.bind(10, *p.output_tokens) : insert.bind_null(10);
  insert.run();
}

std::vector<PhaseRecord> Journal::phases() const {
  // A sum of which one part is unknown is unknown.
  const auto sum = [&](const char* column) {
    if (schema_of(database_) < 4) return std::string("NULL");
    const std::string name = column;
    return "CASE WHEN count(" + name + ") = count(*) THEN sum(" + name + ") END";
  };
  auto query = database_.prepare(("SELECT phase, arm, sum(seconds), sum(tokens), sum(flops), max(peak_memory_bytes), " +
                                  sum("device_seconds") + ", " + sum("energy_joules") + ", " + sum("computed_tokens") +
                                  ", " + sum("output_tokens") + " FROM phases GROUP BY phase, arm ORDER BY min(id)")
                                     .c_str());
  std::vector<PhaseRecord> phases;
  while (query.step()) {
    PhaseRecord one{query.text(0), query.text(1), query.real(2), query.integer(3), query.real(4), query.integer(5)};
    if (!query.is_null(6)) one.device_seconds = query.real(6);
    if (!query.is_null(7)) one.energy_joules = query.real(7);
    if (!query.is_null(8)) one.computed_tokens = query.integer(8);
    if (!query.is_null(9)) one.output_tokens = query.integer(9);
    phases.push_back(std::move(one));
  }
  return phases;
}

std::int64_t Journal::longest_answer() const {
  auto query =
      database_.prepare("SELECT coalesce(max(length(prompt_ids) + length(ids)), 0) FROM answers WHERE length(ids) > 0");
  query.step();
  return query.integer(0) / static_cast<std::int64_t>(sizeof(std::int32_t));
}

void Journal::set_cost_basis(const ordered_json& basis) { put_document(database_, "cost_basis", basis); }
ordered_json Journal::cost_basis() const { return document(database_, "cost_basis"); }

void Journal::add_divergence(const std::string& arm, std::int64_t seed, std::int64_t step, const PhaseRecord& cost) {
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> steps{{{arm, seed}, step}};
  for (const auto& one : divergences()) steps.try_emplace({one["arm"], one["seed"]}, one["step"]);
  ordered_json list = ordered_json::array();
  for (const auto& [run, at] : steps) list.push_back({{"arm", run.first}, {"seed", run.second}, {"step", at}});
  Transaction transaction(database_);
  put_document(database_, "divergences", list);
  record_phase(cost);
  transaction.commit();
}
ordered_json Journal::divergences() const { return document(database_, "divergences"); }

void Journal::set_overlap(const ordered_json& overlap) { put_document(database_, "overlap", overlap); }
ordered_json Journal::overlap() const { return document(database_, "overlap"); }

}  // namespace holdfast::assessment
