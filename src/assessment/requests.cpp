// How items become requests: text and token ids, with the chat template or without.
#include <algorithm>

#include "assessment/inputs.h"
#include "text/continuation.h"
#include "text/tokenizer_config.h"

namespace holdfast::assessment {

using evaluation::Kind;
using nlohmann::ordered_json;

namespace {

text::RenderOptions render_options(const Plan& plan) {
  text::RenderOptions options;
  options.add_generation_prompt = true;
  options.date = plan.model.template_date;
  return options;
}

}  // namespace

bool uses_chat(const LoadedBenchmark& one) {
  const Kind kind = one.benchmark.kind;
  return (kind != Kind::kChoice && kind != Kind::kAnswer) || one.plan->chat_template;
}

text::Prompt render_item(const Plan& plan, const text::Tokenizer& tokenizer, const text::ChatTemplate& chat,
                         const evaluation::Item& item) {
  const ordered_json messages = evaluation::chat_messages(item, item.prompt, plan.model.system_prompt);
  return tokenizer.encode_prompt(chat.render_marked(messages, render_options(plan)), plan.model.plain_content);
}

evaluation::ChatRenderer renderer_of(const Plan& plan, const LoadedBenchmark& one, const text::ChatTemplate* chat) {
  if (!uses_chat(one)) return {};
  return
      [options = render_options(plan), chat](const ordered_json& messages) { return chat->render(messages, options); };
}

void each_request(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks,
                  const std::function<void(const ordered_json&)>& visit) {
  const auto tokenizer = text::Tokenizer::from_directory(plan.model.path);
  const auto config = text::read_tokenizer_config(plan.model.path);
  const text::ContinuationEncoder encoder(tokenizer, config);
  std::optional<text::ChatTemplate> chat;
  if (std::any_of(benchmarks.begin(), benchmarks.end(), uses_chat))
    chat.emplace(text::ChatTemplate::from_directory(plan.model.path));
  for (const LoadedBenchmark& one : benchmarks) {
    const auto renderer = renderer_of(plan, one, chat ? &*chat : nullptr);
    for (const evaluation::Item& item : one.benchmark.items) {
      ordered_json line = {{"benchmark", one.benchmark.name}, {"item", item.id}};
      if (one.benchmark.kind != Kind::kChoice) {
        const bool is_plain = !uses_chat(one);
        line["prompt"] =
            is_plain ? item.context : renderer(evaluation::chat_messages(item, item.prompt, plan.model.system_prompt));
        line["ids"] = is_plain ? encoder.ids(item.context) : render_item(plan, tokenizer, *chat, item).ids;
        if (!one.benchmark.stop.empty()) line["stop"] = one.benchmark.stop;
        if (!item.accept.empty() && one.benchmark.kind == Kind::kAnswer) line["target"] = item.accept.at(0);
        visit(line);
        continue;
      }
      line["gold"] = item.gold;
      line["requests"] = ordered_json::array();
      for (const auto& request : evaluation::choice_requests(item, renderer, plan.model.system_prompt)) {
        const auto ids = encoder.encode(request.context, request.continuation);
        line["requests"].push_back({{"context", request.context},
                                    {"continuation", request.continuation},
                                    {"context_ids", ids.context},
                                    {"continuation_ids", ids.continuation}});
      }
      visit(line);
    }
  }
}

}  // namespace holdfast::assessment
