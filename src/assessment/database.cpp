#include "assessment/database.h"

#include <filesystem>

#include "base/error.h"

namespace holdfast::assessment {
namespace {

void check(sqlite3* connection, int code) {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  const std::string message = sqlite3_errmsg(connection);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
    fail(ErrorKind::kMachine,
         "[journal] found it in use by another process, expected to be alone; try again when that has ended");
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
    fail(ErrorKind::kBadFile, "[journal] found a file that is no journal or is damaged (", message,
         "), expected one of this program's; try another directory");
  fail(ErrorKind::kMachine, "[journal] cannot write or read it (", message, "); try freeing disk space");
}

}  // namespace

Statement::Statement(sqlite3* connection, const char* sql) : connection_(connection) {
  sqlite3_stmt* statement = nullptr;
  check(connection, sqlite3_prepare_v2(connection, sql, -1, &statement, nullptr));
  handle_.reset(statement);
}

Statement& Statement::bind(int place, std::int64_t value) {
  check(connection_, sqlite3_bind_int64(handle_.get(), place, value));
  return *this;
}
Statement& Statement::bind(int place, double value) {
  check(connection_, sqlite3_bind_double(handle_.get(), place, value));
  return *this;
}
Statement& Statement::bind(int place, std::string_view text) {
  check(connection_,
        sqlite3_bind_text(handle_.get(), place, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT));
  return *this;
}
Statement& Statement::bind_blob(int place, std::string_view bytes) {
  check(connection_, sqlite3_bind_blob(handle_.get(), place, bytes.empty() ? "" : bytes.data(),
                                       static_cast<int>(bytes.size()), SQLITE_TRANSIENT));
  return *this;
}
Statement& Statement::bind_null(int place) {
  check(connection_, sqlite3_bind_null(handle_.get(), place));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(handle_.get());
  check(connection_, code);
  return code == SQLITE_ROW;
}

void Statement::run() {
  while (step()) {
  }
  sqlite3_reset(handle_.get());
}

std::string_view Statement::view(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
  return data == nullptr
             ? std::string_view()
             : std::string_view(data, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column)));
}

Database::Database(const std::string& path, Access access) {
  int flags = SQLITE_OPEN_READWRITE;
  std::string name = path;
  if (access == Access::kWrite) {
    flags |= SQLITE_OPEN_CREATE;
  } else if (std::error_code error; !std::filesystem::exists(path + "-wal", error)) {
    flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
    name = "file:";
    for (const char c : path) name += c == '%' ? "%25" : c == '?' ? "%3f" : c == '#' ? "%23" : std::string(1, c);
    name += "?immutable=1";
  }
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &connection, flags, nullptr);
  connection_.reset(connection);
  if (code != SQLITE_OK)
    fail(ErrorKind::kMachine, "[journal] cannot open ", path, " (", sqlite3_errmsg(connection),
         "); try another directory");
  sqlite3_busy_timeout(connection, 2000);
}

void Database::execute(const char* sql) const {
  check(connection_.get(), sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr));
}

Transaction::~Transaction() {
  if (!is_open_) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const Error&) {  // the connection is gone, and the transaction with it
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  is_open_ = false;
}

}  // namespace holdfast::assessment
