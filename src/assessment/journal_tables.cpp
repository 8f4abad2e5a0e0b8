#include "assessment/journal_tables.h"

#include "base/error.h"
#include "evaluation/judges/degeneration.h"

namespace holdfast::assessment {
namespace {

constexpr std::int64_t kApplication = 0x486f6c64;  // "Hold"

constexpr const char* kTables = R"sql(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE benchmarks (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
CREATE TABLE items (benchmark INTEGER NOT NULL REFERENCES benchmarks, position INTEGER NOT NULL, item TEXT NOT NULL, category TEXT NOT NULL, gold INTEGER,
                    prompt TEXT, context TEXT,
                    PRIMARY KEY (benchmark, position)) WITHOUT ROWID;
CREATE TABLE cells (id INTEGER PRIMARY KEY, arm TEXT NOT NULL, seed INTEGER NOT NULL, step INTEGER NOT NULL, UNIQUE (arm, seed, step));
CREATE TABLE waves (cell INTEGER NOT NULL REFERENCES cells, benchmark INTEGER NOT NULL REFERENCES benchmarks, sample INTEGER NOT NULL, number INTEGER NOT NULL,
                    PRIMARY KEY (cell, benchmark, sample, number)) WITHOUT ROWID;
CREATE TABLE answers (id INTEGER PRIMARY KEY, cell INTEGER NOT NULL REFERENCES cells, benchmark INTEGER NOT NULL, sample INTEGER NOT NULL, position INTEGER NOT NULL,
                      prompt_ids BLOB NOT NULL, ids BLOB NOT NULL, text TEXT NOT NULL, is_truncated INTEGER NOT NULL, logprobs BLOB NOT NULL, tokens INTEGER NOT NULL,
                      UNIQUE (cell, benchmark, sample, position), FOREIGN KEY (benchmark, position) REFERENCES items);
CREATE TABLE verdicts (answer INTEGER NOT NULL REFERENCES answers, place INTEGER NOT NULL, judge TEXT NOT NULL, outcome INTEGER NOT NULL, chosen INTEGER, correct INTEGER,
                       score REAL, degeneration INTEGER NOT NULL DEFAULT 0, failure INTEGER NOT NULL DEFAULT 0, output TEXT,
                       PRIMARY KEY (answer, place)) WITHOUT ROWID;
CREATE TABLE steps (arm TEXT NOT NULL, seed INTEGER NOT NULL, step INTEGER NOT NULL, loss REAL NOT NULL, grad_norm REAL NOT NULL, learning_rate REAL NOT NULL,
                    tokens INTEGER NOT NULL, target_tokens INTEGER NOT NULL, PRIMARY KEY (arm, seed, step)) WITHOUT ROWID;
CREATE TABLE phases (id INTEGER PRIMARY KEY, phase TEXT NOT NULL, arm TEXT NOT NULL, seconds REAL NOT NULL, tokens INTEGER NOT NULL, flops REAL NOT NULL, peak_memory_bytes INTEGER NOT NULL,
                     device_seconds REAL, energy_joules REAL, computed_tokens INTEGER, output_tokens INTEGER);
CREATE TABLE events (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, event TEXT NOT NULL);
)sql";

// What every request to a judge's endpoint asked, got and cost: a request is found again by its hash.
constexpr const char* kJudgeCalls = R"sql(
CREATE TABLE judge_calls (id INTEGER PRIMARY KEY, judge TEXT NOT NULL, request_sha256 TEXT NOT NULL, attempt INTEGER NOT NULL, status INTEGER NOT NULL, request TEXT NOT NULL,
                          response TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, usd REAL NOT NULL, seconds REAL NOT NULL);
CREATE INDEX judge_calls_by_request ON judge_calls (judge, request_sha256);
)sql";

constexpr const char* kFrom2To3 = R"sql(
ALTER TABLE items ADD COLUMN prompt TEXT;
ALTER TABLE items ADD COLUMN context TEXT;
ALTER TABLE verdicts ADD COLUMN score REAL;
ALTER TABLE verdicts ADD COLUMN degeneration INTEGER NOT NULL DEFAULT 0;
ALTER TABLE verdicts ADD COLUMN failure INTEGER NOT NULL DEFAULT 0;
ALTER TABLE verdicts ADD COLUMN output TEXT;
)sql";

constexpr const char* kFrom3To4 = R"sql(
ALTER TABLE phases ADD COLUMN device_seconds REAL;
ALTER TABLE phases ADD COLUMN energy_joules REAL;
ALTER TABLE phases ADD COLUMN computed_tokens INTEGER;
ALTER TABLE phases ADD COLUMN output_tokens INTEGER;
)sql";

void set_schema(const Database& database) {
  database.execute(("PRAGMA user_version = " + std::to_string(kSchema)).c_str());
}

// Schema 2 says that an answer was degenerate, not why.
void add_degenerations(const Database& database) {
  auto query = database.prepare(
      "SELECT v.answer, v.place, a.text, a.is_truncated FROM verdicts v JOIN answers a ON a.id = v.answer "
      "WHERE v.outcome = ?");
  query.bind(1, static_cast<std::int64_t>(evaluation::Outcome::kDegenerate));
  auto update = database.prepare("UPDATE verdicts SET degeneration = ? WHERE answer = ? AND place = ?");
  while (query.step()) {
    const auto kind = evaluation::classify_degeneration({{}, query.text(2), query.integer(3) != 0});
    update.bind(1, static_cast<std::int64_t>(kind)).bind(2, query.integer(0)).bind(3, query.integer(1)).run();
  }
}

}  // namespace

std::int64_t schema_of(const Database& database) {
  const auto pragma = [&](const char* sql) {
    auto query = database.prepare(sql);
    query.step();
    return query.integer(0);
  };
  const std::int64_t application = pragma("PRAGMA application_id"), schema = pragma("PRAGMA user_version");
  if (application == 0 && schema == 0 && pragma("SELECT count(*) FROM sqlite_master") == 0) return 0;
  HOLDFAST_CHECK(kBadFile, application == kApplication, "[journal] found a database of another program (id ",
                 application, "), expected a run's journal; try another directory");
  HOLDFAST_CHECK(kBadFile, schema >= kOldestSchema && schema <= kSchema, "[journal] found schema ", schema,
                 ", expected ", kOldestSchema, " .. ", kSchema, "; try the program that wrote it");
  return schema;
}

void make_tables(const Database& database) {
  database.execute(kTables);
  database.execute(kJudgeCalls);
  database.execute(("PRAGMA application_id = " + std::to_string(kApplication)).c_str());
  set_schema(database);
}

void upgrade_tables(const Database& database, std::int64_t schema) {
  if (schema == kSchema) return;
  Transaction transaction(database);
  if (schema < 3) {
    database.execute(kFrom2To3);
    database.execute(kJudgeCalls);
    add_degenerations(database);
  }
  if (schema < 4) database.execute(kFrom3To4);
  set_schema(database);
  transaction.commit();
}

}  // namespace holdfast::assessment
