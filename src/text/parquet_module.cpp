// Parquet through Arrow: a row is an object; structs become objects, lists arrays, maps lists of [key, value].
//
// A library of its own, which parquet_arrow.cpp opens when a Parquet file is met: Arrow costs every start that links it
// 40 ms and 35 MB.
#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/file_reader.h>

#include "base/error.h"
#include "text/record_rows.h"

namespace holdfast::text {
namespace {

using nlohmann::ordered_json;

ordered_json json_of(const arrow::Array& array, std::int64_t row, const std::string& where);

ordered_json text_of(std::string_view text, const std::string& where) {
  check_utf8(text, where);
  return std::string(text);
}

ordered_json list_of(const arrow::Array& values, std::int64_t begin, std::int64_t size, const std::string& where) {
  ordered_json list = ordered_json::array();
  for (std::int64_t i = begin; i < begin + size; ++i) list.push_back(json_of(values, i, where));
  return list;
}

template <typename ListArray>
ordered_json list_at(const arrow::Array& array, std::int64_t row, const std::string& where) {
  const auto& lists = static_cast<const ListArray&>(array);
  return list_of(*lists.values(), lists.value_offset(row), lists.value_length(row), where);
}

ordered_json map_at(const arrow::Array& array, std::int64_t row, const std::string& where) {
  const auto& maps = static_cast<const arrow::MapArray&>(array);
  ordered_json pairs = ordered_json::array();
  for (std::int64_t i = maps.value_offset(row); i < maps.value_offset(row) + maps.value_length(row); ++i)
    pairs.push_back({json_of(*maps.keys(), i, where), json_of(*maps.items(), i, where)});
  return pairs;
}

ordered_json struct_at(const arrow::Array& array, std::int64_t row, const std::string& where) {
  const auto& structs = static_cast<const arrow::StructArray&>(array);
  ordered_json object = ordered_json::object();
  for (int i = 0; i < structs.num_fields(); ++i) {
    const std::string& name = structs.type()->field(i)->name();
    object[name] = json_of(*structs.field(i), row, where + "." + name);
  }
  return object;
}

template <typename ValueArray>
ordered_json value_at(const arrow::Array& array, std::int64_t row) {
  return static_cast<const ValueArray&>(array).Value(row);
}

ordered_json json_of(const arrow::Array& array, std::int64_t row, const std::string& where) {
  if (array.IsNull(row)) return nullptr;
  switch (array.type_id()) {
    case arrow::Type::BOOL:
      return value_at<arrow::BooleanArray>(array, row);
    case arrow::Type::INT8:
      return value_at<arrow::Int8Array>(array, row);
    case arrow::Type::INT16:
      return value_at<arrow::Int16Array>(array, row);
    case arrow::Type::INT32:
      return value_at<arrow::Int32Array>(array, row);
    case arrow::Type::INT64:
      return value_at<arrow::Int64Array>(array, row);
    case arrow::Type::UINT8:
      return value_at<arrow::UInt8Array>(array, row);
    case arrow::Type::UINT16:
      return value_at<arrow::UInt16Array>(array, row);
    case arrow::Type::UINT32:
      return value_at<arrow::UInt32Array>(array, row);
    case arrow::Type::UINT64:
      return value_at<arrow::UInt64Array>(array, row);
    case arrow::Type::FLOAT:
      return value_at<arrow::FloatArray>(array, row);
    case arrow::Type::DOUBLE:
      return value_at<arrow::DoubleArray>(array, row);
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
      return text_of(static_cast<const arrow::BinaryArray&>(array).GetView(row), where);
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
      return text_of(static_cast<const arrow::LargeBinaryArray&>(array).GetView(row), where);
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY_VIEW:
      return text_of(static_cast<const arrow::BinaryViewArray&>(array).GetView(row), where);
    case arrow::Type::LIST:
      return list_at<arrow::ListArray>(array, row, where);
    case arrow::Type::LARGE_LIST:
      return list_at<arrow::LargeListArray>(array, row, where);
    case arrow::Type::FIXED_SIZE_LIST:
      return list_at<arrow::FixedSizeListArray>(array, row, where);
    case arrow::Type::MAP:
      return map_at(array, row, where);
    case arrow::Type::STRUCT:
      return struct_at(array, row, where);
    case arrow::Type::DICTIONARY: {
      const auto& coded = static_cast<const arrow::DictionaryArray&>(array);
      return json_of(*coded.dictionary(), coded.GetValueIndex(row), where);
    }
    default: {  // dates, times, decimals: as they are printed
      const auto scalar = array.GetScalar(row);
      HOLDFAST_CHECK(kBadFile, scalar.ok(), where, ": found a value of type ", array.type()->ToString(),
                     " that cannot be read, expected text, numbers, lists or structs");
      return (*scalar)->ToString();
    }
  }
}

class ParquetRows : public RecordReader::Rows {
 public:
  ParquetRows(const std::filesystem::path& path, const std::string& name) : name_(name) {
    // Arrow throws parquet's own exceptions beside returning statuses.
    guarded([&] {
      auto file = value_of(arrow::io::ReadableFile::Open(path.string()));
      parquet::arrow::FileReaderBuilder builder;
      check(builder.Open(std::move(file)));
      parquet::ArrowReaderProperties properties;
      properties.set_batch_size(kBatchRows);
      properties.set_pre_buffer(false);
      properties.set_use_threads(false);
      reader_ = value_of(builder.properties(properties)->Build());
      batches_ = value_of(reader_->GetRecordBatchReader());
    });
    std::string twice;
    for (const auto& field : batches_->schema()->fields()) {
      if (batches_->schema()->GetAllFieldIndices(field->name()).size() > 1) twice = field->name();
    }
    HOLDFAST_CHECK(kBadFile, twice.empty(), name_, ": found the column '", twice, "' twice, expected each once");
  }

  std::optional<Record> next() override {
    while (batch_ == nullptr || row_ == batch_->num_rows()) {
      guarded([&] { check(batches_->ReadNext(&batch_)); });
      if (batch_ == nullptr) return std::nullopt;
      row_ = 0;
    }
    Record record{ordered_json::object(), ++line_};
    for (int i = 0; i < batch_->num_columns(); ++i) {
      const std::string& column = batch_->schema()->field(i)->name();
      record.value[column] =
          json_of(*batch_->column(i), row_, name_ + ": row " + std::to_string(line_) + ", column '" + column + "'");
    }
    ++row_;
    return record;
  }

 private:
  static constexpr std::int64_t kBatchRows = 1024;

  void check(const arrow::Status& status) const {
    HOLDFAST_CHECK(kBadFile, status.ok(), name_, ": found no Parquet that can be read (",
                   excerpt(status.message(), 120), "), expected a whole file; is it cut off?");
  }
  template <typename Value>
  Value value_of(arrow::Result<Value> result) const {
    check(result.status());
    return std::move(result).ValueUnsafe();
  }
  template <typename Part>
  void guarded(const Part& part) const {
    try {
      part();
    } catch (const parquet::ParquetException& error) {
      check(arrow::Status::IOError(error.what()));
    }
  }

  std::string name_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::shared_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::int64_t row_ = 0;
  std::size_t line_ = 0;
};

}  // namespace

}  // namespace holdfast::text

extern "C" holdfast::text::RecordReader::Rows* holdfast_open_parquet(const std::filesystem::path& path,
                                                                     const std::string& name) {
  return new holdfast::text::ParquetRows(path, name);
}
