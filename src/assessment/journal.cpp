#include "assessment/journal.h"

#include <ctime>

#include "assessment/journal_tables.h"
#include "base/error.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

// "path: here X, there Y" for the first five places at which two documents differ.
void list_differences(const ordered_json& there, const ordered_json& here, const std::string& path,
                      std::vector<std::string>& out) {
  if (there == here) return;
  if (there.is_object() && here.is_object()) {
    for (const auto& [key, value] : there.items())
      list_differences(value, here.contains(key) ? here[key] : ordered_json(), path + (path.empty() ? "" : ".") + key,
                       out);
    for (const auto& [key, value] : here.items()) {
      if (!there.contains(key)) list_differences(ordered_json(), value, path + (path.empty() ? "" : ".") + key, out);
    }
    return;
  }
  out.push_back(path + " (there " + there.dump().substr(0, 40) + ", here " + here.dump().substr(0, 40) + ")");
}

void log_event(const Database& database, const char* event) {
  auto insert = database.prepare("INSERT INTO events (time, event) VALUES (?, ?)");
  insert.bind(1, static_cast<std::int64_t>(std::time(nullptr))).bind(2, std::string_view(event)).run();
}

}  // namespace

Journal::Journal(const fs::path& directory, Access access)
    : lock_([&] {
        if (access == Access::kRead) return DirectoryLock();
        std::error_code error;
        fs::create_directories(directory, error);
        HOLDFAST_CHECK(kMachine, !error, "[journal] cannot make directory ", directory.string(), ": ", error.message(),
                       "; try another place");
        return DirectoryLock(directory, "journal");
      }()),
      database_(
          [&] {
            const fs::path path = directory / "journal.sqlite";
            HOLDFAST_CHECK(kBadFile, access == Access::kWrite || fs::exists(path), "[journal] found none in ",
                           directory.string(), ", expected journal.sqlite; try the directory given to assess -o");
            return path.string();
          }(),
          access) {}

Journal Journal::open(const fs::path& directory, const ordered_json& identity) {
  Journal journal(directory, Access::kWrite);
  const std::int64_t schema = schema_of(journal.database_);
  if (schema == 0) {
    journal.database_.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    Transaction transaction(journal.database_);
    make_tables(journal.database_);
    journal.database_.prepare("INSERT INTO meta VALUES ('identity', ?)")
        .bind(1, std::string_view(identity.dump()))
        .run();
    log_event(journal.database_, "start");
    transaction.commit();
    return journal;
  }
  journal.database_.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  upgrade_tables(journal.database_, schema);
  std::vector<std::string> differences;
  list_differences(journal.identity(), identity, "", differences);
  if (!differences.empty()) {
    std::string list;
    for (std::size_t i = 0; i < std::min<std::size_t>(differences.size(), 5); ++i)
      list += (i > 0 ? "; " : "") + differences[i];
    if (differences.size() > 5) list += "; and " + std::to_string(differences.size() - 5) + " more";
    fail(ErrorKind::kBadInput, "[assess] ", directory.string(), " belongs to another plan or program: found ", list,
         "; expected the same plan, inputs and program; try another -o");
  }
  journal.is_resumed_ = !journal.is_finished();
  if (journal.is_resumed_) log_event(journal.database_, "resume");
  return journal;
}

Journal Journal::open_existing(const fs::path& directory) {
  Journal journal(directory, Access::kRead);
  HOLDFAST_CHECK(kBadFile, schema_of(journal.database_) != 0, "[journal] found an empty one in ", directory.string(),
                 ", expected a run's journal; try running assess again");
  return journal;
}

std::vector<std::string> Journal::differences(const fs::path& directory, const ordered_json& identity) {
  std::vector<std::string> differences;
  if (!fs::exists(directory / "journal.sqlite")) return differences;
  const Journal journal(directory, Access::kRead);
  if (schema_of(journal.database_) != 0) list_differences(journal.identity(), identity, "", differences);
  return differences;
}

ordered_json Journal::identity() const {
  auto query = database_.prepare("SELECT value FROM meta WHERE key = 'identity'");
  HOLDFAST_CHECK(kBadFile, query.step(),
                 "[journal] found one without a plan, expected a run's journal; is the file damaged?");
  return ordered_json::parse(query.text(0));
}

std::int64_t Journal::num_resumes() const {
  auto query = database_.prepare("SELECT count(*) FROM events WHERE event = 'resume'");
  query.step();
  return query.integer(0);
}

void Journal::add_items(const std::vector<evaluation::Benchmark>& benchmarks) {
  Transaction transaction(database_);
  auto add_benchmark = database_.prepare("INSERT OR IGNORE INTO benchmarks (name) VALUES (?)");
  auto add_item = database_.prepare(
      "INSERT INTO items (benchmark, position, item, category, gold, prompt, context) VALUES (?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT DO UPDATE SET prompt = excluded.prompt, context = excluded.context WHERE prompt IS NULL");
  for (const auto& benchmark : benchmarks) {
    add_benchmark.bind(1, std::string_view(benchmark.name)).run();
    const std::int64_t id = benchmark_id(benchmark.name);
    for (std::size_t i = 0; i < benchmark.items.size(); ++i) {
      const auto& item = benchmark.items[i];
      add_item.bind(1, id)
          .bind(2, static_cast<std::int64_t>(i))
          .bind(3, std::string_view(item.id))
          .bind(4, std::string_view(item.category));
      (item.gold >= 0 ? add_item.bind(5, static_cast<std::int64_t>(item.gold)) : add_item.bind_null(5))
          .bind(6, std::string_view(item.prompt))
          .bind(7, std::string_view(item.context))
          .run();
    }
  }
  transaction.commit();
}

void Journal::add_cell(const CellKey& cell) {
  database_.prepare("INSERT OR IGNORE INTO cells (arm, seed, step) VALUES (?, ?, ?)")
      .bind(1, std::string_view(cell.arm))
      .bind(2, cell.seed)
      .bind(3, cell.step)
      .run();
}

std::int64_t Journal::cell_id(const CellKey& cell) const {
  auto query = database_.prepare("SELECT id FROM cells WHERE arm = ? AND seed = ? AND step = ?");
  query.bind(1, std::string_view(cell.arm)).bind(2, cell.seed).bind(3, cell.step);
  HOLDFAST_ASSERT(query.step());
  return query.integer(0);
}

std::int64_t Journal::benchmark_id(const std::string& name) const {
  auto query = database_.prepare("SELECT id FROM benchmarks WHERE name = ?");
  query.bind(1, std::string_view(name));
  HOLDFAST_ASSERT(query.step());
  return query.integer(0);
}

bool Journal::has_wave(const WaveKey& key) const {
  auto query = database_.prepare("SELECT 1 FROM waves WHERE cell = ? AND benchmark = ? AND sample = ? AND number = ?");
  query.bind(1, cell_id(key.cell)).bind(2, benchmark_id(key.benchmark)).bind(3, key.sample).bind(4, key.number);
  return query.step();
}

void Journal::put_verdict(std::int64_t answer, std::int64_t place, const StoredVerdict& stored) {
  auto insert = database_.prepare(
      "INSERT OR REPLACE INTO verdicts (answer, place, judge, outcome, chosen, correct, score, degeneration, failure, "
      "output) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const auto& verdict = stored.verdict;
  insert.bind(1, answer)
      .bind(2, place)
      .bind(3, std::string_view(stored.judge))
      .bind(4, static_cast<std::int64_t>(verdict.outcome));
  for (const auto& [column, value] : {std::pair{5, verdict.chosen}, std::pair{6, verdict.correct}})
    value >= 0 ? insert.bind(column, static_cast<std::int64_t>(value)) : insert.bind_null(column);
  verdict.score ? insert.bind(7, *verdict.score) : insert.bind_null(7);
  insert.bind(8, static_cast<std::int64_t>(verdict.degeneration)).bind(9, static_cast<std::int64_t>(verdict.failure));
  stored.output ? insert.bind(10, std::string_view(*stored.output)) : insert.bind_null(10);
  insert.run();
}

void Journal::commit_wave(const WaveKey& key, const std::vector<StoredAnswer>& answers,
                          const std::vector<PhaseRecord>& costs) {
  Transaction transaction(database_);
  const std::int64_t cell = cell_id(key.cell), benchmark = benchmark_id(key.benchmark);
  auto add_answer = database_.prepare(
      "INSERT INTO answers (cell, benchmark, sample, position, prompt_ids, ids, text, is_truncated, logprobs, tokens) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const StoredAnswer& answer : answers) {
    add_answer.bind(1, cell)
        .bind(2, benchmark)
        .bind(3, key.sample)
        .bind(4, answer.position)
        .bind_blob(5, bytes_of(answer.prompt_ids))
        .bind_blob(6, bytes_of(answer.ids))
        .bind(7, std::string_view(answer.text));
    add_answer.bind(8, std::int64_t{answer.is_truncated})
        .bind_blob(9, bytes_of(answer.logprobs))
        .bind(10, answer.tokens)
        .run();
    const std::int64_t row = database_.last_row();
    for (std::size_t i = 0; i < answer.verdicts.size(); ++i)
      put_verdict(row, static_cast<std::int64_t>(i), answer.verdicts[i]);
  }
  database_.prepare("INSERT INTO waves VALUES (?, ?, ?, ?)")
      .bind(1, cell)
      .bind(2, benchmark)
      .bind(3, key.sample)
      .bind(4, key.number)
      .run();
  for (const PhaseRecord& cost : costs) record_phase(cost);
  transaction.commit();
}

void Journal::commit_step(const std::string& arm, std::int64_t seed, const StepRecord& s, const PhaseRecord& cost) {
  Transaction transaction(database_);
  auto query = database_.prepare("SELECT loss, grad_norm FROM steps WHERE arm = ? AND seed = ? AND step = ?");
  query.bind(1, std::string_view(arm)).bind(2, seed).bind(3, s.step);
  if (query.step()) {
    HOLDFAST_CHECK(kMachine, query.real(0) == s.loss && query.real(1) == s.grad_norm, "[assess] found loss ", s.loss,
                   " at step ", s.step, " of arm ", arm, " where the journal has ", query.real(0),
                   ", expected the same: this machine does not repeat the run; try a fresh directory");
  } else {
    database_.prepare("INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(1, std::string_view(arm))
        .bind(2, seed)
        .bind(3, s.step)
        .bind(4, s.loss)
        .bind(5, s.grad_norm)
        .bind(6, s.learning_rate)
        .bind(7, s.tokens)
        .bind(8, s.target_tokens)
        .run();
  }
  record_phase(cost);
  transaction.commit();
}

void Journal::mark_finished() {
  if (!is_finished()) log_event(database_, "finish");
}

bool Journal::is_finished() const {
  auto query = database_.prepare("SELECT 1 FROM events WHERE event = 'finish'");
  return query.step();
}

}  // namespace holdfast::assessment
