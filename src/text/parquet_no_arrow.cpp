// A build without Arrow: says so where a Parquet file is met.
#include "base/error.h"
#include "text/record_rows.h"

namespace holdfast::text {

std::unique_ptr<RecordReader::Rows> open_parquet(const std::filesystem::path&, const std::string& name) {
  fail(ErrorKind::kBadFile, name,
       ": found a Parquet file, expected JSONL, JSON or CSV, since this program was built without Arrow; "
       "try pip install pyarrow and ./dev build again, or convert the file");
}

bool has_parquet() { return false; }

}  // namespace holdfast::text
