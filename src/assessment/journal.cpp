#include "assessment/journal.h"

#include <cstring>
#include <ctime>

#include "base/error.h"

namespace holdfast::assessment {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::int64_t kSchema = 2;
constexpr std::int64_t kApplication = 0x486f6c64;  // "Hold"

constexpr const char* kTables = R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE benchmarks (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
CREATE TABLE items (benchmark INTEGER NOT NULL REFERENCES benchmarks, position INTEGER NOT NULL, item TEXT NOT NULL, category TEXT NOT NULL, gold INTEGER,
                    PRIMARY KEY (benchmark, position)) WITHOUT ROWID;
CREATE TABLE cells (id INTEGER PRIMARY KEY, arm TEXT NOT NULL, seed INTEGER NOT NULL, step INTEGER NOT NULL, UNIQUE (arm, seed, step));
CREATE TABLE waves (cell INTEGER NOT NULL REFERENCES cells, benchmark INTEGER NOT NULL REFERENCES benchmarks, sample INTEGER NOT NULL, number INTEGER NOT NULL,
                    PRIMARY KEY (cell, benchmark, sample, number)) WITHOUT ROWID;
CREATE TABLE answers (id INTEGER PRIMARY KEY, cell INTEGER NOT NULL REFERENCES cells, benchmark INTEGER NOT NULL, sample INTEGER NOT NULL, position INTEGER NOT NULL,
                      prompt_ids BLOB NOT NULL, ids BLOB NOT NULL, text TEXT NOT NULL, is_truncated INTEGER NOT NULL, logprobs BLOB NOT NULL, tokens INTEGER NOT NULL,
                      UNIQUE (cell, benchmark, sample, position), FOREIGN KEY (benchmark, position) REFERENCES items);
CREATE TABLE verdicts (answer INTEGER NOT NULL REFERENCES answers, place INTEGER NOT NULL, judge TEXT NOT NULL, outcome INTEGER NOT NULL, chosen INTEGER, correct INTEGER,
                       PRIMARY KEY (answer, place)) WITHOUT ROWID;
CREATE TABLE steps (arm TEXT NOT NULL, seed INTEGER NOT NULL, step INTEGER NOT NULL, loss REAL NOT NULL, grad_norm REAL NOT NULL, learning_rate REAL NOT NULL,
                    tokens INTEGER NOT NULL, target_tokens INTEGER NOT NULL, PRIMARY KEY (arm, seed, step)) WITHOUT ROWID;
CREATE TABLE phases (id INTEGER PRIMARY KEY, phase TEXT NOT NULL, arm TEXT NOT NULL, seconds REAL NOT NULL, tokens INTEGER NOT NULL, flops REAL NOT NULL, peak_memory_bytes INTEGER NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, event TEXT NOT NULL);
)sql";

template <typename T>
std::string_view bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <typename T>
std::vector<T> values_of(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

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

std::int64_t Journal::schema() const {
  const auto pragma = [&](const char* sql) {
    auto query = database_.prepare(sql);
    query.step();
    return query.integer(0);
  };
  const std::int64_t application = pragma("PRAGMA application_id"), schema = pragma("PRAGMA user_version");
  if (application == 0 && schema == 0 && pragma("SELECT count(*) FROM sqlite_master") == 0) return 0;
  HOLDFAST_CHECK(kBadFile, application == kApplication, "[journal] found a database of another program (id ",
                 application, "), expected a run's journal; try another directory");
  HOLDFAST_CHECK(kBadFile, schema == kSchema, "[journal] found schema ", schema, ", expected ", kSchema,
                 "; try the program that wrote it");
  return schema;
}

Journal Journal::open(const fs::path& directory, const ordered_json& identity) {
  Journal journal(directory, Access::kWrite);
  if (journal.schema() == 0) {
    journal.database_.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    Transaction transaction(journal.database_);
    journal.database_.execute(kTables);
    journal.database_.execute(("PRAGMA user_version = " + std::to_string(kSchema) +
                               "; PRAGMA application_id = " + std::to_string(kApplication))
                                  .c_str());
    journal.database_.prepare("INSERT INTO meta VALUES ('identity', ?)")
        .bind(1, std::string_view(identity.dump()))
        .run();
    log_event(journal.database_, "start");
    transaction.commit();
    return journal;
  }
  journal.database_.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
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
  HOLDFAST_CHECK(kBadFile, journal.schema() != 0, "[journal] found an empty one in ", directory.string(),
                 ", expected a run's journal; try running assess again");
  return journal;
}

std::vector<std::string> Journal::differences(const fs::path& directory, const ordered_json& identity) {
  std::vector<std::string> differences;
  if (!fs::exists(directory / "journal.sqlite")) return differences;
  const Journal journal(directory, Access::kRead);
  if (journal.schema() != 0) list_differences(journal.identity(), identity, "", differences);
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
  auto add_item = database_.prepare("INSERT OR IGNORE INTO items VALUES (?, ?, ?, ?, ?)");
  for (const auto& benchmark : benchmarks) {
    add_benchmark.bind(1, std::string_view(benchmark.name)).run();
    const std::int64_t id = benchmark_id(benchmark.name);
    for (std::size_t i = 0; i < benchmark.items.size(); ++i) {
      const auto& item = benchmark.items[i];
      add_item.bind(1, id)
          .bind(2, static_cast<std::int64_t>(i))
          .bind(3, std::string_view(item.id))
          .bind(4, std::string_view(item.category));
      (item.gold >= 0 ? add_item.bind(5, static_cast<std::int64_t>(item.gold)) : add_item.bind_null(5)).run();
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

void Journal::commit_wave(const WaveKey& key, const std::vector<StoredAnswer>& answers,
                          const std::vector<PhaseRecord>& costs) {
  Transaction transaction(database_);
  const std::int64_t cell = cell_id(key.cell), benchmark = benchmark_id(key.benchmark);
  auto add_answer = database_.prepare(
      "INSERT INTO answers (cell, benchmark, sample, position, prompt_ids, ids, text, is_truncated, logprobs, tokens) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  auto add_verdict = database_.prepare("INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?)");
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
    for (std::size_t i = 0; i < answer.verdicts.size(); ++i) {
      const auto& [judge, verdict] = answer.verdicts[i];
      add_verdict.bind(1, row)
          .bind(2, static_cast<std::int64_t>(i))
          .bind(3, std::string_view(judge))
          .bind(4, static_cast<std::int64_t>(verdict.outcome));
      for (const auto& [place, value] : {std::pair{5, verdict.chosen}, std::pair{6, verdict.correct}}) {
        if (value >= 0)
          add_verdict.bind(place, static_cast<std::int64_t>(value));
        else
          add_verdict.bind_null(place);
      }
      add_verdict.run();
    }
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

void Journal::record_phase(const PhaseRecord& p) {
  database_
      .prepare("INSERT INTO phases (phase, arm, seconds, tokens, flops, peak_memory_bytes) VALUES (?, ?, ?, ?, ?, ?)")
      .bind(1, std::string_view(p.phase))
      .bind(2, std::string_view(p.arm))
      .bind(3, p.seconds)
      .bind(4, p.tokens)
      .bind(5, p.flops)
      .bind(6, p.peak_memory_bytes)
      .run();
}

void Journal::mark_finished() {
  if (!is_finished()) log_event(database_, "finish");
}

bool Journal::is_finished() const {
  auto query = database_.prepare("SELECT 1 FROM events WHERE event = 'finish'");
  return query.step();
}

std::vector<CellKey> Journal::cells() const {
  std::vector<CellKey> cells;
  auto query = database_.prepare("SELECT arm, seed, step FROM cells ORDER BY id");
  while (query.step()) cells.push_back({query.text(0), query.integer(1), query.integer(2)});
  return cells;
}

std::vector<ItemRow> Journal::rows() const {
  std::vector<ItemRow> rows;
  auto query = database_.prepare(
      "SELECT c.arm, c.seed, c.step, a.sample, b.name, i.item, i.category, i.gold, v.judge, v.outcome, v.chosen, "
      "v.correct, a.logprobs, a.tokens, a.position FROM answers a "
      "JOIN cells c ON c.id = a.cell JOIN benchmarks b ON b.id = a.benchmark JOIN items i ON i.benchmark = a.benchmark "
      "AND i.position = a.position "
      "JOIN verdicts v ON v.answer = a.id ORDER BY c.id, b.id, a.sample, a.position, v.place");
  while (query.step()) {
    ItemRow row;
    row.cell = {query.text(0), query.integer(1), query.integer(2)};
    row.sample = query.integer(3);
    row.benchmark = query.text(4);
    row.item = query.text(5);
    row.category = query.text(6);
    row.gold = query.is_null(7) ? -1 : static_cast<int>(query.integer(7));
    row.judge = query.text(8);
    row.verdict = {static_cast<evaluation::Outcome>(query.integer(9)),
                   query.is_null(10) ? -1 : static_cast<int>(query.integer(10)),
                   query.is_null(11) ? -1 : static_cast<int>(query.integer(11))};
    const auto logprobs = values_of<double>(query.text(12));
    if (row.verdict.chosen >= 0 && static_cast<std::size_t>(row.verdict.chosen) < logprobs.size())
      row.logprob = logprobs[static_cast<std::size_t>(row.verdict.chosen)];
    row.tokens = query.integer(13);
    row.position = query.integer(14);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::string> Journal::items(const std::string& benchmark) const {
  std::vector<std::string> items;
  auto query = database_.prepare(
      "SELECT i.item FROM items i JOIN benchmarks b ON b.id = i.benchmark WHERE b.name = ? ORDER BY i.position");
  query.bind(1, std::string_view(benchmark));
  while (query.step()) items.push_back(query.text(0));
  return items;
}

std::vector<StoredPrompt> Journal::prompts(const std::string& benchmark) const {
  std::vector<StoredPrompt> prompts;
  auto query = database_.prepare(
      "SELECT i.item, a.prompt_ids FROM answers a JOIN benchmarks b ON b.id = a.benchmark JOIN items i ON i.benchmark "
      "= "
      "a.benchmark AND i.position = a.position JOIN cells c ON c.id = a.cell WHERE b.name = ? AND c.arm = 'base' AND "
      "a.sample = 0 ORDER BY a.position");
  query.bind(1, std::string_view(benchmark));
  while (query.step()) prompts.push_back({query.text(0), values_of<std::int32_t>(query.text(1))});
  return prompts;
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

std::vector<PhaseRecord> Journal::phases() const {
  std::vector<PhaseRecord> phases;
  auto query = database_.prepare(
      "SELECT phase, arm, sum(seconds), sum(tokens), sum(flops), max(peak_memory_bytes) FROM phases GROUP BY phase, "
      "arm ORDER BY min(id)");
  while (query.step())
    phases.push_back({query.text(0), query.text(1), query.real(2), query.integer(3), query.real(4), query.integer(5)});
  return phases;
}

}  // namespace holdfast::assessment
