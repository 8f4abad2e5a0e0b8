// Encodes texts on one thread and says how much processor time it took.  Run by benchmarks/tokenizer_speed.py, which
// holds the rival and takes turns with it.
//
// A request is a line of JSON on standard input, its answer a line on standard output:
//   {"op": "load", "path"}                   -> {}: a tokenizer.json
//   {"op": "encode", "texts", "wants_ids"}   -> {"seconds", "tokens", "ids": [ids] where wanted}
// Reading requests is outside the time; an error is {"error": "one line"}.
#include <optional>

#include "base/error.h"
#include "request_loop.h"
#include "text/tokenizer.h"

namespace holdfast::benchmarks {
namespace {

using json = nlohmann::ordered_json;

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
  benchmarks::answer_requests([&](const nlohmann::ordered_json& request) -> nlohmann::ordered_json {
    if (request.at("op") != "load") return benchmarks::encode(tokenizer.value(), request);
    tokenizer.emplace(text::Tokenizer::from_file(request.at("path").get<std::string>()));
    return nlohmann::ordered_json::object();
  });
}
