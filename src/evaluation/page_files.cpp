#include "evaluation/page_files.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "base/error.h"
#include "base/files.h"
#include "text/unicode.h"

namespace holdfast::evaluation {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

bool holds(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_data_file(const fs::path& path) {
  for (const char* extension : {".jsonl", ".json", ".csv", ".parquet"}) {
    if (path.extension() == extension) return true;
  }
  return false;
}

// Some publish rows of JSON, one a line, under the name of a JSON file.
bool is_json_lines(const fs::path& path) {
  if (path.extension() != ".json") return false;
  const std::string text = read_file(path);
  const std::size_t end = text.find('\n');
  return text.starts_with('{') && end != std::string::npos && ordered_json::accept(text.substr(0, end)) &&
         text.find_first_not_of(" \t\r\n", end) != std::string::npos;
}

// Whether the first field of a CSV of one column is a column's name, known or not, and no prompt: "prompt", "promt",
// "prompt;category".
bool is_column_name(const std::string& word) {
  return std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-.;|").find(c) != std::string_view::npos;
  });
}

void read_csv(const fs::path& path, Rows& rows) {
  const auto lines = text::parse_csv(read_file(path), "[benchmark] " + path.string());
  bool is_one_column = !lines.empty() && !is_column_name(lines[0].fields[0]);
  for (const auto& line : lines) is_one_column = is_one_column && line.fields.size() == 1;
  if (!is_one_column) {
    for (auto& record : text::read_records(path)) rows.records.push_back(std::move(record));
    return;
  }
  rows.is_headerless = true;
  const std::string name = path.stem().string();
  for (const auto& line : lines) rows.records.push_back({{{"prompt", line.fields[0]}, {"file", name}}, line.line});
}

bool has_words(const Page& page, const Rows& rows, const std::string& benchmark_name) {
  const std::string name = text::to_lower(rows.path.filename().string() + " " + benchmark_name);
  return std::any_of(page.file_words.begin(), page.file_words.end(),
                     [&](const std::string& word) { return name.find(word) != std::string::npos; });
}

}  // namespace

std::string list_of(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ", ") + word;
  return list;
}

Rows read_rows(const std::vector<fs::path>& files) {
  Rows rows;
  for (const fs::path& file : files) {
    if (file.extension() == ".csv") {
      read_csv(file, rows);
    } else {
      const auto format = is_json_lines(file) ? text::RecordFormat::kJsonl : text::RecordFormat::kAuto;
      for (auto& record : text::read_records(file, {format})) rows.records.push_back(std::move(record));
    }
  }
  HOLDFAST_CHECK(kBadFile, !rows.records.empty(), "[benchmark] ", files.empty() ? "" : files[0].string(),
                 ": found no rows, expected at least one");
  rows.path = files[0];
  rows.extension = rows.path.extension().string().substr(rows.path.has_extension() ? 1 : 0);
  for (const auto& [key, value] : rows.records[0].value.items()) rows.columns.push_back(key);
  return rows;
}

std::vector<fs::path> split_files(const fs::path& directory, const std::string& split) {
  std::vector<fs::path> files;
  if (split.empty() || !fs::is_directory(directory)) return files;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string stem = entry.path().stem().string();
    const bool is_named = stem == split || stem.starts_with(split + "-") || stem.starts_with(split + "_") ||
                          stem.ends_with("-" + split) || stem.ends_with("_" + split);
    if (is_named && entry.is_regular_file() && is_data_file(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  // The same split in two formats is there once.
  if (!files.empty())
    std::erase_if(files, [first = files[0].extension()](const fs::path& one) { return one.extension() != first; });
  return files;
}

std::vector<SplitFiles> asked_files(const Page& page, const BenchmarkSpec& spec) {
  if (!fs::is_directory(spec.path)) {
    HOLDFAST_CHECK(kBadInput, spec.subjects.empty(), "[benchmark] found subjects and the file ", spec.path.string(),
                   " for '", spec.name, "', expected a directory with a folder a subject");
    return {{"", {spec.path}}};
  }
  HOLDFAST_CHECK(kBadFile, !page.split.empty(), "[benchmark] found the directory ", spec.path.string(), " for '",
                 spec.name, "', expected a file");
  const fs::path directory = spec.path.filename().empty() ? spec.path.parent_path() : spec.path;
  if (auto files = split_files(directory, page.split); !files.empty())
    return {{page.has_folders ? directory.filename().string() : "", std::move(files)}};
  std::vector<SplitFiles> found;
  if (page.has_folders && !spec.subjects.empty()) {
    for (const std::string& subject : spec.subjects) {
      auto files = split_files(directory / subject, page.split);
      HOLDFAST_CHECK(kBadFile, !files.empty(), "[benchmark] found no subject '", subject, "' in ", directory.string(),
                     ", expected its folder with a file of the split '", page.split, "'");
      found.push_back({subject, std::move(files)});
    }
  } else if (page.has_folders) {
    for (const auto& entry : fs::directory_iterator(directory)) {
      if (auto files = split_files(entry.path(), page.split); !files.empty())
        found.push_back({entry.path().filename().string(), std::move(files)});
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.folder < b.folder; });
  }
  HOLDFAST_CHECK(kBadFile, !found.empty(), "[benchmark] found no file of the split '", page.split, "' in ",
                 directory.string(), ", expected ", page.split, ".jsonl or its kind",
                 page.has_folders ? ", or a folder a subject with one" : "");
  return found;
}

std::vector<fs::path> shot_files(const Page& page, const BenchmarkSpec& spec, const SplitFiles& asked) {
  if (!spec.shots_path.empty()) {
    HOLDFAST_CHECK(kBadFile, fs::exists(spec.shots_path), "[benchmark] found nothing at ", spec.shots_path.string(),
                   ", expected the file with the examples of '", spec.name, "'");
    return {spec.shots_path};
  }
  const fs::path directory = asked.files[0].parent_path();
  std::string name = asked.files[0].filename().string();
  if (const std::size_t at = name.find(page.split); !page.split.empty() && at != std::string::npos) {
    name.replace(at, page.split.size(), page.shots.split);
    if (fs::exists(directory / name)) return {directory / name};
  }
  auto files = split_files(directory, page.shots.split);
  HOLDFAST_CHECK(kBadFile, !files.empty(), "[benchmark] found no file of the split '", page.shots.split, "' beside ",
                 asked.files[0].string(), ", expected the examples of '", spec.name,
                 "' there; try shots_path = \"FILE\", or shots = 0");
  return files;
}

const Form* find_form(const Page& page, const Rows& rows) {
  const Form* found = nullptr;
  for (const Form& form : page.forms) {
    const bool is_whole = std::all_of(form.columns.begin(), form.columns.end(),
                                      [&](const std::string& column) { return holds(rows.columns, column); });
    const bool has_extension = form.extensions.empty() || holds(form.extensions, rows.extension);
    if (is_whole && has_extension && form.is_headerless == rows.is_headerless &&
        (found == nullptr || form.columns.size() > found->columns.size()))
      found = &form;
  }
  return found;
}

const Page* recognise(const Rows& rows, const std::string& benchmark_name) {
  using Fit = std::tuple<bool, bool, std::size_t>;  // words of the name, number of rows, columns
  const Page* best = nullptr;
  Fit best_fit;
  bool is_tie = false;
  for (const Page& page : built_in_pages()) {
    const Form* form = find_form(page, rows);
    if (form == nullptr) continue;
    const bool has_count = std::find(page.rows.begin(), page.rows.end(),
                                     static_cast<std::int64_t>(rows.records.size())) != page.rows.end();
    const bool has_name = has_words(page, rows, benchmark_name);
    if (!has_count && !has_name && !form->is_distinct) continue;
    // Where a benchmark is several files without names of columns, one file says by its own name alone what it is.
    if (form->is_headerless && !page.split.empty() && !has_name) continue;
    const Fit fit{has_name, has_count, form->columns.size()};
    is_tie = best != nullptr && fit == best_fit;
    if (best == nullptr || fit > best_fit) best = &page, best_fit = fit;
  }
  return is_tie ? nullptr : best;
}

const Page& nearest_page(const Rows& rows) {
  const auto common = [&](const Page& page) {
    std::ptrdiff_t most = -100;
    for (const Form& form : page.forms) {
      const auto shared = std::count_if(form.columns.begin(), form.columns.end(),
                                        [&](const std::string& column) { return holds(rows.columns, column); });
      most = std::max(most, 2 * shared - static_cast<std::ptrdiff_t>(form.columns.size()));
    }
    return most;
  };
  const auto& pages = built_in_pages();
  return *std::max_element(pages.begin(), pages.end(),
                           [&](const Page& a, const Page& b) { return common(a) < common(b); });
}

}  // namespace holdfast::evaluation
