// Golden: scripts/golden/parquet_rows.py, written and read by pyarrow.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "shared_data.h"
#include "text/record_rows.h"
#include "text_files.h"

namespace holdfast::text {
namespace {

using testing::TemporaryDirectory;

const auto kGolden = testing::source_directory() / "tests/golden";

std::string complaint(const std::filesystem::path& path) {
  try {
    read_records(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "was read";
}

class Parquet : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_parquet()) GTEST_SKIP() << "needs a build with Arrow";
  }
  nlohmann::ordered_json golden_ = nlohmann::ordered_json::parse(read_file(kGolden / "parquet_rows.json"));
};

TEST_F(Parquet, OfNestedColumnsGivesTheRowsOfPyarrow) {
  const auto records = read_records(kGolden / "nested.parquet");
  ASSERT_EQ(records.size(), golden_["nested"].size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].value, golden_["nested"][i]) << records[i].value.dump();
    EXPECT_EQ(records[i].line, i + 1);
  }
}

TEST_F(Parquet, IsReadOverRowGroupsAndBatchesWhateverItsName) {
  const TemporaryDirectory directory;
  RecordReader reader(directory.write("part-0", read_file(kGolden / "rows.parquet")));
  std::size_t count = 0, sum = 0;
  nlohmann::ordered_json last;
  while (auto record = reader.next()) {
    ++count;
    sum += record->value["n"].get<std::size_t>();
    last = record->value;
  }
  EXPECT_EQ(count, golden_["rows"]["count"]);
  EXPECT_EQ(sum, golden_["rows"]["sum"]);
  EXPECT_EQ(last, golden_["rows"]["last"]);
}

TEST_F(Parquet, DamagedIsOneComplaintThatNamesTheFile) {
  const TemporaryDirectory directory;
  const std::string whole = read_file(kGolden / "rows.parquet");
  for (const std::string& bytes : {whole.substr(0, whole.size() / 2), std::string("PAR1"), whole.substr(0, 4) + whole,
                                   std::string("{\"a\": 1}\n")}) {
    const std::string message = complaint(directory.write("a.parquet", bytes));
    EXPECT_NE(message.find("a.parquet: found no Parquet that can be read ("), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  std::string broken = whole;
  for (std::size_t i = 100; i < 400; ++i) broken[i] = static_cast<char>(~broken[i]);
  EXPECT_NE(complaint(directory.write("b.parquet", broken)).find("b.parquet: found no Parquet"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::text
