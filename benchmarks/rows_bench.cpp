// Reads data files and looks for benchmark items in them, on one thread.  Run by benchmarks/rows.py, which holds the
// rivals and takes turns with it.
//
// A request is a line of JSON on standard input, its answer a line on standard output:
//   {"op": "read", "path"}                        -> {"seconds", "rows", "characters"}: row by row
//   {"op": "overlap", "items": path, "training"}  -> {"seconds", "items"}: files of {"text"}
// Seconds are processor time; an error is {"error": "one line"}.

#include "base/error.h"
#include "evaluation/overlap.h"
#include "request_loop.h"
#include "text/records.h"

namespace holdfast::benchmarks {
namespace {

using json = nlohmann::ordered_json;

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
  using namespace holdfast::benchmarks;
  answer_requests([](const json& request) { return request.at("op") == "read" ? read(request) : overlap(request); });
}
