// Data files: JSONL, JSON and CSV become rows, each with the place it came from.
//
// JSON   an array of objects, or an object category -> list of texts, which becomes rows {"prompt", "category"}; of
//        an object category -> list of objects, these with the category
// CSV    RFC 4180: quoted fields may hold commas, quotes ("") and line ends; LF or CRLF; a UTF-8 BOM is dropped
#pragma once

#include <filesystem>
#include <istream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::text {

struct Record {
  nlohmann::ordered_json value;  // an object
  std::size_t line = 0;          // where it starts, from 1; in a JSON array its number, from 1
};

enum class RecordFormat { kAuto, kJsonl, kJson, kCsv };

// kAuto goes by the file's extension, then by its first character.
// Throws Error(kBadFile): `[read] FILE:LINE: found ..., expected ...; try ...` for the first bad row.
std::vector<Record> read_records(const std::filesystem::path& path, RecordFormat format = RecordFormat::kAuto);

// The rows of a CSV text as they stand, header included.  `where` names the file in errors.
struct CsvRow {
  std::vector<std::string> fields;
  std::size_t line;
};
std::vector<CsvRow> parse_csv(std::string_view text, const std::string& where);

// A field as it must be written: quoted where it holds a comma, a quote or a line end.
std::string csv_field(std::string_view value);

// Reads JSONL from a stream, row by row; empty lines are passed over.
class JsonlReader {
 public:
  JsonlReader(std::istream& stream, std::string name) : stream_(stream), name_(std::move(name)) {}
  std::optional<Record> next();

 private:
  std::istream& stream_;
  std::string name_;
  std::size_t line_ = 0;
};

bool is_valid_utf8(std::string_view text);

}  // namespace holdfast::text
