// Encodes texts on one thread and says how much processor time it took.  Run by benchmarks/tokenizer_speed.py, which
// holds the rival and takes turns with it.
//
// A request is a line of JSON on standard input, its answer a line on standard output:
//   {"op": "load", "path"}                   -> {}: a tokenizer.json
//   {"op": "encode", "texts", "wants_ids"}   -> {"seconds", "tokens", "ids": [ids] where wanted}
// Reading requests is outside the time; an error is {"error": "one line"}.
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "text/tokenizer.h"

namespace holdfast::benchmarks {
namespace {

using nlohmann::json;

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

json encode(const text::Tokenizer& tokenizer, const json& request) {
  const auto texts = request.at("texts").get<std::vector<std::string>>();
  std::vector<std::vector<text::TokenId>> ids(texts.size());
  std::size_t tokens = 0;
  const double start = processor_seconds();
  for (std::size_t i = 0; i < texts.size(); ++i) ids[i] = tokenizer.encode(texts[i], false);
  const double seconds = processor_seconds() - start;
  for (const auto& one : ids) tokens += one.size();
  json answer = {{"seconds", seconds}, {"tokens", tokens}};
  if (request.at("wants_ids").get<bool>()) answer["ids"] = ids;
  return answer;
}

}  // namespace
}  // namespace holdfast::benchmarks

int main() {
  using namespace holdfast;
  std::optional<text::Tokenizer> tokenizer;
  std::string line;
  while (std::getline(std::cin, line)) {
    nlohmann::json answer = nlohmann::json::object();
    try {
      const auto request = nlohmann::json::parse(line);
      if (request.at("op") == "load")
        tokenizer.emplace(text::Tokenizer::from_file(request.at("path").get<std::string>()));
      else
        answer = benchmarks::encode(tokenizer.value(), request);
    } catch (const std::exception& error) {
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump() << std::endl;
  }
}
