// The tables of a journal (docs/formats/journal.md draws them), and how those of an older schema become these.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assessment/database.h"

namespace holdfast::assessment {

constexpr std::int64_t kSchema = 4;
constexpr std::int64_t kOldestSchema = 2;  // what is still read, and brought up to date when opened for writing

// Of the database: 0 for an empty file.  Throws Error(kBadFile) for another program's, or for a schema that this
// program does not know.
std::int64_t schema_of(const Database& database);

// Makes the tables in an empty file.
void make_tables(const Database& database);

// Brings the tables of `schema` up to date, all or nothing.  What an older journal did not hold stays unknown.
void upgrade_tables(const Database& database, std::int64_t schema);

// Lists of numbers as the journal stores them.
template <typename T>
std::string_view bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <typename T>
std::optional<T> value_of(std::string_view bytes, std::size_t place) {
  if (place >= bytes.size() / sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + place * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
std::vector<T> values_of(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace holdfast::assessment
