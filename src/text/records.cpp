#include "text/records.h"

#include <set>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "text/json_shape.h"
#include "text/unicode.h"

namespace holdfast::text {
namespace {

using nlohmann::ordered_json;

ordered_json parse_object(std::string_view line, const std::string& where) {
  HOLDFAST_CHECK(kBadFile, is_valid_utf8(line), where,
                 ": found bytes that are no UTF-8, expected UTF-8; try converting the file");
  check_json_shape(line, where);
  try {
    ordered_json value = ordered_json::parse(line);
    HOLDFAST_CHECK(kBadFile, value.is_object(), where, ": found ", std::string(line.substr(0, 40)),
                   ", expected a JSON object on the line");
    return value;
  } catch (const nlohmann::json::exception&) {
    fail(ErrorKind::kBadFile, where, ": found ", std::string(line.substr(0, 60)), line.size() > 60 ? "..." : "",
         ", expected one JSON object a line; is the line cut off?");
  }
}

std::vector<Record> read_jsonl(std::string_view text, const std::string& name) {
  std::vector<Record> records;
  std::size_t line = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view row = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++line;
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.find_first_not_of(" \t") == std::string_view::npos) continue;
    records.push_back({parse_object(row, "[read] " + name + ":" + std::to_string(line)), line});
  }
  return records;
}

std::vector<Record> read_json(std::string_view text, const std::string& name) {
  HOLDFAST_CHECK(kBadFile, is_valid_utf8(text), "[read] ", name,
                 ": found bytes that are no UTF-8, expected UTF-8; try converting the file");
  check_json_shape(text, "[read] " + name);
  ordered_json value;
  try {
    value = ordered_json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    const auto bad = text.substr(0, error.byte);
    const auto line = 1 + std::count(bad.begin(), bad.end(), '\n');
    fail(ErrorKind::kBadFile, "[read] ", name, ":", line,
         ": found no valid JSON, expected an array of objects; is the file cut off?");
  }
  std::vector<Record> records;
  if (value.is_array()) {
    for (const auto& row : value) {
      HOLDFAST_CHECK(kBadFile, row.is_object(), "[read] ", name, ": found ", row.dump().substr(0, 40), " as row ",
                     records.size() + 1, ", expected an object");
      records.push_back({row, records.size() + 1});
    }
    return records;
  }
  HOLDFAST_CHECK(kBadFile, value.is_object(), "[read] ", name,
                 ": found no array, expected an array of objects, or an object of lists");
  for (const auto& [category, prompts] : value.items()) {
    HOLDFAST_CHECK(kBadFile, prompts.is_array(), "[read] ", name, ": found '", category,
                   "' without a list, expected an object category -> list of texts");
    for (const auto& prompt : prompts) {
      if (prompt.is_object()) {
        records.push_back({prompt, records.size() + 1});
        if (!prompt.contains("category")) records.back().value["category"] = category;
        continue;
      }
      HOLDFAST_CHECK(kBadFile, prompt.is_string(), "[read] ", name, ": found ", prompt.dump().substr(0, 40), " under '",
                     category, "', expected a text or an object");
      records.push_back({{{"prompt", prompt}, {"category", category}}, records.size() + 1});
    }
  }
  return records;
}

std::vector<Record> read_csv(std::string_view text, const std::string& name) {
  const auto rows = parse_csv(text, "[read] " + name);
  std::vector<Record> records;
  if (rows.empty()) return records;
  const std::set<std::string> distinct(rows[0].fields.begin(), rows[0].fields.end());
  HOLDFAST_CHECK(kBadFile, distinct.size() == rows[0].fields.size(), "[read] ", name,
                 ":1: found a column twice in the header, expected each once");
  for (std::size_t i = 1; i < rows.size(); ++i) {
    HOLDFAST_CHECK(kBadFile, rows[i].fields.size() == rows[0].fields.size(), "[read] ", name, ":", rows[i].line,
                   ": found ", rows[i].fields.size(), " fields, expected ", rows[0].fields.size(),
                   " as in the header; is a quote missing?");
    Record record;
    record.line = rows[i].line;
    for (std::size_t j = 0; j < rows[i].fields.size(); ++j) record.value[rows[0].fields[j]] = rows[i].fields[j];
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, const std::string& where) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  HOLDFAST_CHECK(kBadFile, is_valid_utf8(text), where,
                 ": found bytes that are no UTF-8, expected UTF-8; try converting the file");
  std::vector<CsvRow> rows;
  CsvRow row{{}, 1};
  std::string field;
  std::size_t line = 1;
  bool is_quoted = false, was_quoted = false, has_content = false;
  const auto end_field = [&] {
    row.fields.push_back(std::move(field));
    field.clear();
    was_quoted = false;
  };
  const auto end_row = [&] {
    if (has_content || !row.fields.empty()) {
      end_field();
      rows.push_back(std::move(row));
    }
    row = {{}, line};
    has_content = false;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (is_quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        field += c;
        ++i;
      } else {
        is_quoted = false;
        was_quoted = true;
      }
    } else if (c == '"' && field.empty() && !was_quoted) {
      is_quoted = has_content = true;
    } else if (c == ',') {
      has_content = true;
      end_field();
    } else if (c == '\n') {
      end_row();
    } else if (c == '\r' && (i + 1 == text.size() || text[i + 1] == '\n')) {
      continue;
    } else {
      HOLDFAST_CHECK(kBadFile, !was_quoted, where, ":", line,
                     ": found text behind a closing quote, expected a comma or the line's end");
      field += c;
      has_content = true;
    }
  }
  HOLDFAST_CHECK(kBadFile, !is_quoted, where, ":", row.line,
                 ": found a quote that is never closed, expected a closing one; is the file cut off?");
  end_row();
  return rows;
}

std::string csv_field(std::string_view value) {
  if (value.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(value);
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::vector<Record> read_records(const std::filesystem::path& path, RecordFormat format) {
  const std::string text = read_file(path);
  const std::string name = path.string();
  if (format == RecordFormat::kAuto) {
    const std::string extension = path.extension().string();
    const std::size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
    if (extension == ".jsonl" || extension == ".ndjson")
      format = RecordFormat::kJsonl;
    else if (extension == ".json")
      format = RecordFormat::kJson;
    else if (extension == ".csv")
      format = RecordFormat::kCsv;
    else if (first != std::string::npos && text[first] == '[')
      format = RecordFormat::kJson;
    else if (first != std::string::npos && text[first] == '{')
      format = RecordFormat::kJsonl;
    else
      format = RecordFormat::kCsv;
    // Many files named .json hold a line for each row.
    if (format == RecordFormat::kJson && first != std::string::npos && text[first] == '{' &&
        !ordered_json::accept(text))
      format = RecordFormat::kJsonl;
  }
  std::string_view body = text;
  if (body.starts_with("\xEF\xBB\xBF")) body.remove_prefix(3);
  switch (format) {
    case RecordFormat::kJson:
      return read_json(body, name);
    case RecordFormat::kCsv:
      return read_csv(body, name);
    case RecordFormat::kJsonl:
    case RecordFormat::kAuto:
      break;
  }
  return read_jsonl(body, name);
}

std::optional<Record> JsonlReader::next() {
  std::string row;
  while (std::getline(stream_, row)) {
    ++line_;
    if (row.ends_with('\r')) row.pop_back();
    if (row.find_first_not_of(" \t") == std::string::npos) continue;
    return Record{parse_object(row, "[read] " + name_ + ":" + std::to_string(line_)), line_};
  }
  return std::nullopt;
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto [code_point, length] = decode_utf8(text);
    if (code_point < 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace holdfast::text
