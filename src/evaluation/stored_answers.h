// Answers that another program made and, often, people or judges have labelled: read to calibrate judges with, or to be
// judged again.  The form goes by the columns; docs/formats/answers.md lists the published ones that are known.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::evaluation {

struct LabelledAnswer {
  std::string id;      // the file's own, or the row's number; several answers to one prompt share it
  std::string model;   // the row's own, else from the file's name where the form has it there, else empty
  std::string prompt;  // may be empty where the file has answers alone
  std::string answer;
  std::vector<std::string> annotations;  // of people, in the order of the columns
  std::string label;                     // what people agreed on, as written; empty: the file has none
  std::vector<std::pair<std::string, std::string>> judged;  // labels of other judges: the column's name, the label
  std::size_t line = 0;
};

// Throws Error(kBadFile) naming file, line, the columns found and those expected.
std::vector<LabelledAnswer> load_stored_answers(const std::filesystem::path& path);

// Refuses answers to items that the benchmark lacks, naming the first few.  `where` begins the complaint.
// Throws Error(kBadInput).
void check_answers(std::span<const std::string> answer_ids, std::span<const std::string> benchmark_ids,
                   const std::string& where);

}  // namespace holdfast::evaluation
