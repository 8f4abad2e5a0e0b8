// Reads data files and looks for benchmark items in them, on one thread.  Run by benchmarks/rows.py, which holds the
// rivals and takes turns with it.
//
// A request is a line of JSON on standard input, its answer a line on standard output:
//   {"op": "read", "path"}                        -> {"seconds", "rows", "characters"}: row by row
//   {"op": "overlap", "items": path, "training"}  -> {"seconds", "items"}: files of {"text"}
// Seconds are processor time; an error is {"error": "one line"}.
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "evaluation/overlap.h"
#include "text/records.h"

namespace holdfast::benchmarks {
namespace {

using nlohmann::json;

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

json read(const json& request) {
  const double start = processor_seconds();
  std::size_t rows = 0, characters = 0;
  text::RecordReader reader(request.at("path").get<std::string>());
  while (const auto record = reader.next()) {
    ++rows;
    for (const auto& value : record->value) {
      if (value.is_string()) characters += value.get_ref<const std::string&>().size();
    }
  }
  return {{"seconds", processor_seconds() - start}, {"rows", rows}, {"characters", characters}};
}

json overlap(const json& request) {
  std::vector<std::string> items;
  for (const auto& record : text::read_records(request.at("items").get<std::string>()))
    items.push_back(record.value.at("text"));
  std::vector<evaluation::TrainingText> training;
  for (const auto& record : text::read_records(request.at("training").get<std::string>()))
    training.push_back({record.line, record.value.at("text")});
  const double start = processor_seconds();
  const auto found = evaluation::find_overlap(items, training);
  json answer = {{"seconds", processor_seconds() - start}, {"items", json::array()}};
  for (const auto& item : found) answer["items"].push_back(item.item);
  return answer;
}

}  // namespace
}  // namespace holdfast::benchmarks

int main() {
  using namespace holdfast;
  std::string line;
  while (std::getline(std::cin, line)) {
    nlohmann::json answer = nlohmann::json::object();
    try {
      const auto request = nlohmann::json::parse(line);
      answer = request.at("op") == "read" ? benchmarks::read(request) : benchmarks::overlap(request);
    } catch (const std::exception& error) {
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump() << std::endl;
  }
}
