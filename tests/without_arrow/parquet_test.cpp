// What a build without Arrow says of a Parquet file.  This program has parquet_no_arrow.cpp of its own, whatever Arrow
// the library was built with, so that every build tests it.
#include <gtest/gtest.h>

#include "base/error.h"
#include "shared_data.h"
#include "text/record_rows.h"
#include "text/records.h"

namespace holdfast::text {
namespace {

TEST(ParquetWithoutArrow, IsRefusedByAMessageThatSaysSo) {
  EXPECT_FALSE(has_parquet());
  try {
    read_records(testing::source_directory() / "tests/golden/rows.parquet");
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadFile);
    const std::string message = error.what();
    EXPECT_NE(message.find("rows.parquet: found a Parquet file, expected JSONL, JSON or CSV, since this program was "
                           "built without Arrow; try pip install pyarrow"),
              std::string::npos)
        << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace holdfast::text
