// SQLite with owned handles: statements are prepared, bound, stepped; every failure is an Error(kMachine).
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace holdfast::assessment {

class Statement {
 public:
  Statement(sqlite3* connection, const char* sql);
  Statement& bind(int place, std::int64_t value);
  Statement& bind(int place, double value);
  Statement& bind(int place, std::string_view text);
  Statement& bind_blob(int place, std::string_view bytes);
  Statement& bind_null(int place);
  bool step();  // true: there is a row
  void run();   // steps to the end, then can be bound again
  std::int64_t integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
  double real(int column) const { return sqlite3_column_double(handle_.get(), column); }
  bool is_null(int column) const { return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL; }
  std::string text(int column) const { return std::string(view(column)); }
  std::string_view view(int column) const;  // until the next step

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  sqlite3* connection_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

enum class Access { kWrite, kRead };

class Database {
 public:
  // kWrite makes the file when there is none.  kRead asks for no place to write when no process has left a log behind,
  // so that a finished run can be read from a medium that cannot be written.
  Database(const std::string& path, Access access);
  Statement prepare(const char* sql) const { return Statement(connection_.get(), sql); }
  void execute(const char* sql) const;
  std::int64_t last_row() const { return sqlite3_last_insert_rowid(connection_.get()); }

 private:
  struct Close {
    void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
  };
  std::unique_ptr<sqlite3, Close> connection_;
};

// Everything until commit() happens, or none of it.
class Transaction {
 public:
  explicit Transaction(const Database& database) : database_(database) { database_.execute("BEGIN IMMEDIATE"); }
  ~Transaction();
  void commit();

 private:
  const Database& database_;
  bool is_open_ = true;
};

}  // namespace holdfast::assessment
