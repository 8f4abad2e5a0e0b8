// Pages: a benchmark in one TOML file, which says how its published file is recognised and read, what is asked, and how
// it is scored.  Every key is checked; what each means: docs/formats/benchmarks.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evaluation/benchmark.h"
#include "evaluation/row_template.h"

namespace holdfast::evaluation {

// One layout in which the file circulates.
struct Form {
  std::vector<std::string> columns;                      // all of which it has
  std::vector<std::string> extensions;                   // of the file; empty: any
  bool is_headerless = false;                            // CSV of one column without its name, which is columns[0]
  bool is_distinct = false;                              // no other file has these columns: they alone say what it is
  std::vector<std::pair<std::string, RowTemplate>> set;  // columns made of others, in order
};

enum class Sampler { kFirst, kPythonRandom, kFixed };

// The examples in front of a question.
struct Shots {
  int count = 0;
  Sampler sampler = Sampler::kFirst;
  std::string split;             // of the file's siblings, the one that they come from
  bool leaves_question = false;  // python_random: one more is drawn, and the question itself dropped
  std::vector<nlohmann::ordered_json> fixed;
  RowTemplate prompt, target;  // where they read otherwise than the question
};

struct Reference {
  std::string model, metric, source;
  double value = 0, tolerance = 0;
};

struct Page {
  std::string name, kind, version, source, sha256;
  std::vector<Form> forms;
  // Of the published file; empty: not known.
  std::vector<std::int64_t> rows;
  std::int64_t classes = 0;
  std::string split;                    // of a directory, the file that is asked
  bool has_folders = false;             // a directory has a folder a subject
  std::vector<std::string> file_words;  // of the file's name, where others have the same columns

  RowTemplate id, category, prompt, description, choices, gold, target, is_unsafe, openings, ending, true_choices,
      accept;
  std::string target_delimiter = " ", shot_delimiter = "\n\n";
  Shots shots;
  std::vector<Metric> metrics;
  std::vector<std::string> stop;
  std::int64_t max_new_tokens = 0;
  std::vector<Reference> references;
};

// `file` names it in errors: `[page] FILE:LINE: found ..., expected ...`.  Throws Error(kBadInput).
Page parse_page(std::string_view toml, const std::string& file);

// The files of assets/benchmarks, as the build puts them into the program (cmake/embed_folder.cmake): name and bytes.
std::span<const std::pair<std::string_view, std::string_view>> page_assets();

// The pages that the program brings, in order of their names; and one of them, or null.
const std::vector<Page>& built_in_pages();
const Page* find_page(std::string_view name);

}  // namespace holdfast::evaluation
