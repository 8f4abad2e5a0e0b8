// What a format of data files is to the reader of records: rows, one after the other.
#pragma once

#include "text/records.h"

namespace holdfast::text {

class RecordReader::Rows {
 public:
  virtual ~Rows() = default;
  virtual std::optional<Record> next() = 0;
};

// `name` begins the errors.  A build without Arrow throws Error(kBadFile) that says so.
std::unique_ptr<RecordReader::Rows> open_parquet(const std::filesystem::path& path, const std::string& name);

bool has_parquet();

}  // namespace holdfast::text
