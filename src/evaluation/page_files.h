// The files of a benchmark: which belong to a path, their rows, and whose page they are.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "evaluation/page.h"
#include "text/records.h"

namespace holdfast::evaluation {

struct Rows {
  std::vector<text::Record> records;
  std::vector<std::string> columns;  // of the first row, in order
  std::string extension;             // without the dot
  // A CSV of one column whose first row is no name: the column is called prompt, and another, file, holds the file's
  // name without its extension.
  bool is_headerless = false;
  std::filesystem::path path;  // the first file
};

// Files of one split, of which the rows stand one behind the other; `folder` is the subject, where there are some.
struct SplitFiles {
  std::string folder;
  std::vector<std::filesystem::path> files;
};

// Throws Error(kBadFile) for a file that cannot be read or has no rows.
Rows read_rows(const std::vector<std::filesystem::path>& files);

// Files in a directory whose names begin or end with the split's ("test.jsonl", "test-00000-of-00002.parquet",
// "arc_test.csv"), in order.
std::vector<std::filesystem::path> split_files(const std::filesystem::path& directory, const std::string& split);
// What is asked, of a path that the user gave.  Throws Error(kBadFile) where there is nothing.
std::vector<SplitFiles> asked_files(const Page& page, const BenchmarkSpec& spec);
// Where the examples of those files come from.  Throws Error(kBadFile) where there is nothing.
std::vector<std::filesystem::path> shot_files(const Page& page, const BenchmarkSpec& spec, const SplitFiles& asked);

// The form of the page that the rows have, or null; and of all built-in pages the one whose file this is, or null where
// none is or several may be.
const Form* find_form(const Page& page, const Rows& rows);
const Page* recognise(const Rows& rows, const std::string& benchmark_name);
// The built-in page that shares the most columns with these rows.
const Page& nearest_page(const Rows& rows);

std::string list_of(const std::vector<std::string>& words);

}  // namespace holdfast::evaluation
