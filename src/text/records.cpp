#include "text/records.h"

#include <set>

#include "base/error.h"
#include "base/files.h"
#include "text/record_rows.h"

namespace holdfast::text {
namespace {

using nlohmann::ordered_json;
using Rows = RecordReader::Rows;

// Gives back the memory of what was read, in large pieces.
class ReadPart {
 public:
  explicit ReadPart(const MappedFile& file) : file_(file) {}
  void up_to(std::size_t position) {
    constexpr std::size_t kPiece = std::size_t{16} << 20;
    if (position < released_ + kPiece) return;
    file_.release(released_, position);
    released_ = position;
  }

 private:
  const MappedFile& file_;
  std::size_t released_ = 0;
};

template <typename Reader>
class TextRows : public Rows {
 public:
  TextRows(MappedFile file, const std::string& name)
      : file_(std::move(file)), reader_(without_byte_order_mark(file_.bytes(), name), name) {}
  std::optional<Record> next() override {
    part_.up_to(reader_.position());
    return reader_.next();
  }

 private:
  MappedFile file_;
  Reader reader_;
  ReadPart part_{file_};
};

class CsvRows : public Rows {
 public:
  CsvRows(MappedFile file, std::string name, const RecordOptions& options)
      : file_(std::move(file)),
        name_(std::move(name)),
        reader_(without_byte_order_mark(file_.bytes(), name_), name_,
                options.format == RecordFormat::kTsv ? '\t' : ','),
        columns_(options.columns) {
    if (!columns_.empty()) return;
    if (!reader_.next(row_)) return;
    columns_ = row_.fields;
    std::set<std::string_view> distinct;
    for (const std::string& column : columns_) {
      HOLDFAST_CHECK(kBadFile, distinct.insert(column).second, name_, ":", row_.line, ": found the column '",
                     excerpt(column, 40), "' twice in the header, expected each once; try renaming one");
    }
  }

  std::optional<Record> next() override {
    part_.up_to(reader_.position());
    if (!reader_.next(row_)) return std::nullopt;
    HOLDFAST_CHECK(kBadFile, row_.fields.size() == columns_.size(), name_, ":", row_.line, ": found ",
                   row_.fields.size(), " fields, expected ", columns_.size(), " as in the header (", header(), ")",
                   row_.fields.size() < columns_.size() ? "; is the row cut off, or a quote missing?"
                                                        : "; does a field with a comma lack its quotes?");
    Record record{ordered_json::object(), row_.line};
    auto& object = record.value.get_ref<ordered_json::object_t&>();
    object.reserve(columns_.size());
    // The names are distinct: nothing needs to be looked for.
    for (std::size_t i = 0; i < columns_.size(); ++i)
      object.Container::emplace_back(columns_[i], std::move(row_.fields[i]));
    return record;
  }

 private:
  std::string header() const {
    std::string names;
    for (const std::string& column : columns_) names += (names.empty() ? "" : ", ") + column;
    return excerpt(names, 100);
  }

  MappedFile file_;
  std::string name_;
  CsvReader reader_;
  std::vector<std::string> columns_;
  CsvRow row_;
  ReadPart part_{file_};
};

RecordFormat format_of(const std::filesystem::path& path, std::string_view text) {
  const std::string extension = path.extension().string();
  if (extension == ".parquet" || text.starts_with("PAR1")) return RecordFormat::kParquet;
  if (extension == ".jsonl" || extension == ".ndjson") return RecordFormat::kJsonl;
  if (extension == ".csv") return RecordFormat::kCsv;
  if (extension == ".tsv") return RecordFormat::kTsv;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return RecordFormat::kCsv;
  if (text[first] == '[') return RecordFormat::kJson;
  if (text[first] == '{') {
    // Lines of JSON, whatever the name says, where another value follows the first.
    const std::size_t end = json_value_end(text, first);
    const bool has_more = text.find_first_not_of(" \t\r\n", end) != std::string_view::npos;
    return has_more || extension != ".json" ? RecordFormat::kJsonl : RecordFormat::kJson;
  }
  return extension == ".json" ? RecordFormat::kJson : RecordFormat::kCsv;
}

std::unique_ptr<Rows> open_rows(const std::filesystem::path& path, RecordOptions options) {
  MappedFile file(path);
  const std::string name = "[read] " + path.string();
  std::string_view text = without_byte_order_mark(file.bytes(), name);
  HOLDFAST_CHECK(kBadFile, text.find_first_not_of(" \t\r\n") != std::string_view::npos, name,
                 ":1:1: found no rows (the file is empty), expected at least one; was it written to the end?");
  if (options.format == RecordFormat::kAuto) options.format = format_of(path, text);
  switch (options.format) {
    case RecordFormat::kParquet:
      return open_parquet(path, name);
    case RecordFormat::kJson:
      return std::make_unique<TextRows<JsonRows>>(std::move(file), name);
    case RecordFormat::kCsv:
    case RecordFormat::kTsv:
      return std::make_unique<CsvRows>(std::move(file), name, options);
    case RecordFormat::kJsonl:
    case RecordFormat::kAuto:
      break;
  }
  return std::make_unique<TextRows<JsonlText>>(std::move(file), name);
}

}  // namespace

RecordReader::RecordReader(const std::filesystem::path& path, const RecordOptions& options)
    : rows_(open_rows(path, options)) {}
RecordReader::~RecordReader() = default;

std::optional<Record> RecordReader::next() { return rows_->next(); }

std::vector<Record> read_records(const std::filesystem::path& path, const RecordOptions& options) {
  RecordReader reader(path, options);
  std::vector<Record> records;
  while (auto record = reader.next()) records.push_back(std::move(*record));
  return records;
}

}  // namespace holdfast::text
