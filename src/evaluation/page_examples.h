// The examples in front of a question, chosen as lm-evaluation-harness 0.4.13 chooses them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/python_random.h"
#include "evaluation/page.h"
#include "evaluation/page_files.h"

namespace holdfast::evaluation {

// How a page reads a row: the columns of its form, made ready.
Row make_row(const Form& form, const text::Record& record, const std::string& file, const std::string& folder);

// Of the rows of one category (few-shot examples of MMLU's subjects do not mix).
class Examples {
 public:
  // `pool` may be empty where `count` is 0.  All arguments must outlive it.
  Examples(const Page& page, int count, Sampler sampler, bool is_shared, std::vector<const text::Record*> pool,
           const Form* form, std::string file, std::string folder);

  // The description and the examples for the next question, which must come in order.
  std::shared_ptr<const std::vector<Turn>> next(const Row& question, const text::Record& record);

 private:
  std::vector<std::size_t> choose(const text::Record& record);
  const std::pair<Turn, Turn>& turns_of(std::size_t place);

  const Page& page_;
  const std::size_t count_;
  const Sampler sampler_;
  const bool is_shared_;
  const std::vector<const text::Record*> pool_;
  const Form* form_;
  const std::string file_, folder_;
  PythonRandom random_;
  std::vector<std::optional<std::pair<Turn, Turn>>> turns_;
  std::vector<std::size_t> chosen_;                // of the question before
  std::string description_;                        // of the question before
  std::shared_ptr<const std::vector<Turn>> last_;  // what it had; null: there was none
};

}  // namespace holdfast::evaluation
