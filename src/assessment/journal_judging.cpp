// Judging the answers of a journal: what is still to be judged, and its verdicts.
#include <map>

#include "assessment/held_out.h"
#include "assessment/journal.h"
#include "assessment/journal_tables.h"
#include "base/error.h"

namespace holdfast::assessment {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// "degenerate" or "judge": what the plan says of cut answers.  A plan's benchmark may be several, NAME_safe for one.
evaluation::TruncatedPolicy policy_of(const ordered_json& identity, const std::string& name_there) {
  const std::string benchmark = selection_name(name_there);
  const ordered_json plans = identity.value("plan", ordered_json::object()).value("benchmark", ordered_json::object());
  for (const auto& [name, plan] : plans.items()) {
    if ((benchmark == name || benchmark.starts_with(name + "_")) && plan.value("truncated", "") == "judge")
      return evaluation::TruncatedPolicy::kJudge;
  }
  return evaluation::TruncatedPolicy::kDegenerate;
}

std::int64_t least_failure(bool again) {
  return again ? std::int64_t{1} : static_cast<std::int64_t>(evaluation::Failure::kPending);
}

}  // namespace

Journal Journal::open_for_judging(const fs::path& directory) {
  HOLDFAST_CHECK(kBadFile, fs::exists(directory / "journal.sqlite"), "[journal] found none in ", directory.string(),
                 ", expected journal.sqlite; try the directory given to assess -o");
  Journal journal(directory, Access::kWrite);
  const std::int64_t schema = schema_of(journal.database_);
  HOLDFAST_CHECK(kBadFile, schema != 0, "[journal] found an empty one in ", directory.string(),
                 ", expected a run's journal; try running assess again");
  journal.database_.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  upgrade_tables(journal.database_, schema);
  return journal;
}

void Journal::add_judge(const std::string& judge, const std::vector<std::string>& benchmarks,
                        const ordered_json& identity) {
  Transaction transaction(database_);
  const auto unscored = static_cast<std::int64_t>(evaluation::Outcome::kUnscored);
  const auto pending = static_cast<std::int64_t>(evaluation::Failure::kPending);
  auto again = database_.prepare(
      "UPDATE verdicts SET outcome = ?, chosen = NULL, correct = NULL, score = NULL, degeneration = 0, failure = ?, "
      "output = NULL WHERE judge = ?");
  again.bind(1, unscored).bind(2, pending).bind(3, std::string_view(judge)).run();
  auto insert = database_.prepare(
      "INSERT INTO verdicts (answer, place, judge, outcome, failure) "
      "SELECT a.id, (SELECT coalesce(max(place) + 1, 0) FROM verdicts v WHERE v.answer = a.id), ?, ?, ? FROM answers a "
      "WHERE a.benchmark = ? AND NOT EXISTS (SELECT 1 FROM verdicts v WHERE v.answer = a.id AND v.judge = ?)");
  for (const std::string& name : benchmarks) {
    insert.bind(1, std::string_view(judge))
        .bind(2, unscored)
        .bind(3, pending)
        .bind(4, benchmark_id(name))
        .bind(5, std::string_view(judge))
        .run();
  }
  database_.prepare("UPDATE meta SET value = ? WHERE key = 'identity'")
      .bind(1, std::string_view(identity.dump()))
      .run();
  transaction.commit();
}

std::vector<Unjudged> Journal::unjudged(const std::string& judge, bool again, std::int64_t behind,
                                        std::int64_t most) const {
  std::int64_t place[4] = {-1, -1, -1, -1};
  auto last = database_.prepare("SELECT cell, benchmark, sample, position FROM answers WHERE id = ?");
  if (last.bind(1, behind).step()) {
    for (int i = 0; i < 4; ++i) place[i] = last.integer(i);
  }
  std::vector<Unjudged> list;
  auto query = database_.prepare(
      "SELECT v.answer, v.place FROM answers a CROSS JOIN verdicts v ON v.answer = a.id WHERE (a.cell, a.benchmark, "
      "a.sample, a.position) > (?, ?, ?, ?) AND v.judge = ? AND v.failure >= ? ORDER BY a.cell, a.benchmark, a.sample, "
      "a.position LIMIT ?");
  for (int i = 0; i < 4; ++i) query.bind(i + 1, place[i]);
  query.bind(5, std::string_view(judge)).bind(6, least_failure(again)).bind(7, most);
  while (query.step()) list.push_back({query.integer(0), query.integer(1)});
  return list;
}

std::int64_t Journal::num_unjudged(const std::string& judge, bool again) const {
  auto query = database_.prepare("SELECT count(*) FROM verdicts WHERE judge = ? AND failure >= ?");
  query.bind(1, std::string_view(judge)).bind(2, least_failure(again)).step();
  return query.integer(0);
}

std::vector<evaluation::Question> Journal::questions(const std::vector<Unjudged>& list, bool needs_prompt) const {
  const ordered_json identity = this->identity();
  std::map<std::string, evaluation::TruncatedPolicy> policies;  // by benchmark
  auto query = database_.prepare(
      "SELECT i.prompt, i.context, a.text, a.is_truncated, b.name FROM answers a JOIN benchmarks b ON b.id = "
      "a.benchmark JOIN items i ON i.benchmark = a.benchmark AND i.position = a.position WHERE a.id = ?");
  std::vector<evaluation::Question> questions;
  for (const Unjudged& one : list) {
    query.bind(1, one.answer);
    HOLDFAST_ASSERT(query.step());
    HOLDFAST_CHECK(
        kBadFile, !needs_prompt || !query.is_null(0),
        "[judge] found a journal of an older program, which does not hold the questions, expected them for a "
        "judge that reads them; try assess in a fresh directory");
    const std::string benchmark = query.text(4);
    const auto policy = policies.try_emplace(benchmark, policy_of(identity, benchmark)).first->second;
    questions.push_back({query.text(0), query.text(1), {{}, query.text(2), query.integer(3) != 0}, policy});
    query.run();
  }
  return questions;
}

void Journal::commit_verdicts(const std::vector<Unjudged>& places, const std::vector<StoredVerdict>& verdicts,
                              const PhaseRecord& cost) {
  HOLDFAST_ASSERT(places.size() == verdicts.size());
  Transaction transaction(database_);
  for (std::size_t i = 0; i < places.size(); ++i) put_verdict(places[i].answer, places[i].place, verdicts[i]);
  record_phase(cost);
  transaction.commit();
}

void Journal::record_call(const std::string& judge, const evaluation::JudgeCall& call) {
  database_
      .prepare(
          "INSERT INTO judge_calls (judge, request_sha256, attempt, status, request, response, prompt_tokens, "
          "completion_tokens, usd, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(1, std::string_view(judge))
      .bind(2, std::string_view(call.request_sha256))
      .bind(3, call.attempt)
      .bind(4, call.status)
      .bind(5, std::string_view(call.request))
      .bind(6, std::string_view(call.response))
      .bind(7, call.prompt_tokens)
      .bind(8, call.completion_tokens)
      .bind(9, call.usd)
      .bind(10, call.seconds)
      .run();
}

std::vector<std::string> Journal::call_responses(const std::string& judge, const std::string& request_sha256) const {
  std::vector<std::string> responses;
  auto query = database_.prepare(
      "SELECT response FROM judge_calls WHERE judge = ? AND request_sha256 = ? AND status = 200 ORDER BY id DESC");
  query.bind(1, std::string_view(judge)).bind(2, std::string_view(request_sha256));
  while (query.step()) responses.push_back(query.text(0));
  return responses;
}

double Journal::spent_usd(const std::string& judge) const {
  auto query = database_.prepare("SELECT coalesce(sum(usd), 0) FROM judge_calls WHERE judge = ?");
  query.bind(1, std::string_view(judge));
  query.step();
  return query.real(0);
}

}  // namespace holdfast::assessment
