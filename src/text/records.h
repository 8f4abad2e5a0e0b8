// Data files: JSONL, JSON, CSV, TSV and Parquet become rows, each with the place it came from
// (docs/formats/records.md).
//
// JSON   an array of objects, or an object category -> list of texts, which becomes rows {"prompt", "category"}, or of
//        objects, which get the category
// CSV    RFC 4180: quoted fields may hold commas, quotes ("") and line ends; LF or CRLF; a UTF-8 BOM is dropped
// TSV    the same with tabs
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/csv.h"
#include "text/json_rows.h"
#include "text/record.h"
#include "text/row_place.h"

namespace holdfast::text {

enum class RecordFormat { kAuto, kJsonl, kJson, kCsv, kTsv, kParquet };

struct RecordOptions {
  RecordFormat format = RecordFormat::kAuto;  // kAuto goes by the file's extension, then by how it begins
  std::vector<std::string> columns{};         // of a CSV or TSV file without a header; empty: its first row
};

// Reads a file row by row; what was read needs no memory.
class RecordReader {
 public:
  // Throws Error(kBadFile), as next does: `[read] FILE:LINE:COLUMN: found ..., expected ...; try ...` for the first bad
  // row; an empty file is one.
  explicit RecordReader(const std::filesystem::path& path, const RecordOptions& options = {});
  ~RecordReader();
  std::optional<Record> next();  // nothing at the end

  class Rows;  // of one format

 private:
  std::unique_ptr<Rows> rows_;
};

// All rows.
std::vector<Record> read_records(const std::filesystem::path& path, const RecordOptions& options = {});

}  // namespace holdfast::text
