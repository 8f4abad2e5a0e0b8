// Every request of a plan's benchmarks, as JSON.
#include "assessment/inputs.h"
#include "assessment/request_encoder.h"

namespace holdfast::assessment {

using evaluation::Kind;
using nlohmann::ordered_json;

bool uses_chat(const LoadedBenchmark& one) {
  const Kind kind = one.benchmark.kind;
  return (kind != Kind::kChoice && kind != Kind::kAnswer) || one.plan->chat_template;
}

namespace {

ordered_json answered_item(const RequestEncoder& encoder, const LoadedBenchmark& one, const evaluation::Item& item) {
  const EncodedPrompt prompt = encoder.prompt(one, item);
  ordered_json line = {{"prompt", encoder.prompt_text(one, item)}, {"ids", prompt.ids}};
  if (prompt.cut > 0) line["cut"] = prompt.cut;
  if (!one.benchmark.stop.empty()) line["stop"] = one.benchmark.stop;
  if (!item.accept.empty() && one.benchmark.kind == Kind::kAnswer) line["target"] = item.accept.at(0);
  return line;
}

ordered_json scored_item(const RequestEncoder& encoder, const LoadedBenchmark& one, const evaluation::Item& item) {
  ordered_json line = {{"gold", item.gold}, {"requests", ordered_json::array()}};
  for (const EncodedEnding& ending : encoder.endings(one, item)) {
    line["requests"].push_back({{"context", ending.request.context},
                                {"continuation", ending.request.continuation},
                                {"context_ids", ending.ids.context},
                                {"continuation_ids", ending.ids.continuation}});
    if (ending.cut > 0) line["requests"].back()["cut"] = ending.cut;
  }
  return line;
}

}  // namespace

void each_request(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks,
                  const std::function<void(const ordered_json&)>& visit) {
  const ModelFiles files(plan, benchmarks);
  for (const LoadedBenchmark& one : benchmarks) {
    for (const evaluation::Item& item : one.benchmark.items) {
      ordered_json line = {{"benchmark", one.benchmark.name}, {"item", item.id}};
      line.update(one.benchmark.kind == Kind::kChoice ? scored_item(files.encoder(), one, item)
                                                      : answered_item(files.encoder(), one, item));
      visit(line);
    }
  }
}

}  // namespace holdfast::assessment
