#include "assessment/request_encoder.h"

#include <algorithm>

#include "assessment/plan_work.h"
#include "base/error.h"
#include "checkpoint/hf_config.h"

namespace holdfast::assessment {

using evaluation::Item;
using evaluation::Kind;

namespace {

// What a tokenizer puts around a text, and what its normalizer may add to a short one.
constexpr std::size_t kAround = 16;

text::RenderOptions render_options(const Plan& plan) {
  text::RenderOptions options;
  options.add_generation_prompt = true;
  options.date = plan.model.template_date;
  return options;
}

bool may_be_cut(const LoadedBenchmark& one) { return one.plan->too_long == "cut"; }

}  // namespace

RequestEncoder::RequestEncoder(const Plan& plan, const text::Tokenizer& tokenizer, const text::TokenizerConfig& config,
                               const text::ChatTemplate* chat, std::int64_t max_positions)
    : plan_(plan),
      tokenizer_(tokenizer),
      continuations_(tokenizer, config),
      chat_(chat),
      max_positions_(max_positions),
      render_options_(render_options(plan)) {}

evaluation::ChatOptions RequestEncoder::chat_options(const LoadedBenchmark& one) const {
  return {plan_.model.system_prompt, one.plan->shots_as_turns};
}

evaluation::ChatRenderer RequestEncoder::renderer(const LoadedBenchmark& one) const {
  if (!uses_chat(one)) return {};
  HOLDFAST_ASSERT(chat_ != nullptr);
  return [this](const nlohmann::ordered_json& messages) { return chat_->render(messages, render_options_); };
}

std::int64_t RequestEncoder::excess(const LoadedBenchmark& one, const Item& item, std::size_t size,
                                    std::int64_t most) const {
  const auto tokens = static_cast<std::int64_t>(size);
  if (tokens <= most) return 0;
  const std::string& entry = one.plan->name;
  const bool is_capability = one.benchmark.kind == Kind::kChoice || one.benchmark.kind == Kind::kAnswer;
  HOLDFAST_CHECK(kBadInput, may_be_cut(one), "[benchmark] ", one.benchmark.name, ", item ", item.id,
                 ": found a request of ", tokens, " tokens, expected at most ", most, " in the model's ",
                 max_positions_, " positions; try ",
                 is_capability ? "fewer shots, or --set benchmark." + entry + ".too_long=cut, which drops its beginning"
                               : "a model with more positions");
  return tokens - most;
}

std::int64_t RequestEncoder::most_prompt_tokens(const LoadedBenchmark& one) const {
  if (!may_be_cut(one)) return max_positions_ - 1;
  const std::int64_t limit = answer_limit(plan_, one);
  HOLDFAST_CHECK(kBadInput, limit < max_positions_, "[benchmark] ", one.benchmark.name, ": found max_new_tokens ",
                 limit, " and too_long = \"cut\", expected fewer than the model's ", max_positions_,
                 " positions, so that some of the prompt stays; try --set benchmark.", one.plan->name,
                 ".max_new_tokens=", std::max<std::int64_t>(1, max_positions_ / 4));
  return max_positions_ - limit;
}

EncodedPrompt RequestEncoder::prompt(const LoadedBenchmark& one, const Item& item) const {
  EncodedPrompt encoded;
  if (uses_chat(one)) {
    HOLDFAST_ASSERT(chat_ != nullptr);
    const auto messages = evaluation::chat_messages(item, item.prompt, chat_options(one));
    text::Prompt prompt =
        tokenizer_.encode_prompt(chat_->render_marked(messages, render_options_), plan_.model.plain_content);
    encoded = {std::move(prompt.ids), 0, prompt.control_tokens_in_content};
  } else {
    encoded.ids = continuations_.ids(item.context);
  }
  encoded.cut = excess(one, item, encoded.ids.size(), most_prompt_tokens(one));
  encoded.ids.erase(encoded.ids.begin(), encoded.ids.begin() + encoded.cut);
  return encoded;
}

std::vector<EncodedEnding> RequestEncoder::endings(const LoadedBenchmark& one, const Item& item) const {
  std::vector<EncodedEnding> list;
  for (auto& request : evaluation::choice_requests(item, renderer(one), chat_options(one))) {
    auto ids = continuations_.encode(request.context, request.continuation);
    const auto ending = static_cast<std::int64_t>(ids.continuation.size());
    HOLDFAST_CHECK(kBadInput, ending <= max_positions_, "[benchmark] ", one.benchmark.name, ", item ", item.id,
                   ": found an ending of ", ending, " tokens, expected at most the model's ", max_positions_,
                   " positions");
    const std::int64_t cut = excess(one, item, ids.context.size() + ids.continuation.size(), max_positions_ + 1);
    ids.context.erase(ids.context.begin(), ids.context.begin() + cut);
    list.push_back({std::move(request), std::move(ids), cut});
  }
  return list;
}

std::string RequestEncoder::prompt_text(const LoadedBenchmark& one, const Item& item) const {
  if (!uses_chat(one)) return item.context;
  return renderer(one)(evaluation::chat_messages(item, item.prompt, chat_options(one)));
}

bool RequestEncoder::surely_fits(const LoadedBenchmark& one, const Item& item) const {
  const auto fits = [&](std::size_t bytes, std::int64_t most) {
    return static_cast<std::int64_t>(bytes + kAround) <= most;
  };
  if (one.benchmark.kind != Kind::kChoice) return fits(prompt_text(one, item).size(), most_prompt_tokens(one));
  const auto requests = evaluation::choice_requests(item, renderer(one), chat_options(one));
  return std::all_of(requests.begin(), requests.end(), [&](const evaluation::Request& request) {
    return fits(request.context.size() + request.continuation.size(), max_positions_);
  });
}

ModelFiles::ModelFiles(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks)
    : tokenizer_(text::Tokenizer::from_directory(plan.model.path)),
      config_(text::read_tokenizer_config(plan.model.path)) {
  if (std::any_of(benchmarks.begin(), benchmarks.end(), uses_chat))
    chat_.emplace(text::ChatTemplate::from_directory(plan.model.path));
  encoder_.emplace(plan, tokenizer_, config_, chat_ ? &*chat_ : nullptr,
                   checkpoint::read_config(plan.model.path).max_positions);
}

namespace {

std::int64_t cut_of(const RequestEncoder& encoder, const LoadedBenchmark& one, const Item& item) {
  if (one.benchmark.kind != Kind::kChoice) return encoder.prompt(one, item).cut;
  std::int64_t most = 0;
  for (const EncodedEnding& ending : encoder.endings(one, item)) most = std::max(most, ending.cut);
  return most;
}

}  // namespace

void check_lengths(const Plan& plan, const std::vector<LoadedBenchmark>& benchmarks) {
  const ModelFiles files(plan, benchmarks);
  for (const LoadedBenchmark& one : benchmarks) {
    if (may_be_cut(one)) continue;
    for (const Item& item : one.benchmark.items) {
      if (!files.encoder().surely_fits(one, item)) cut_of(files.encoder(), one, item);
    }
  }
}

std::int64_t count_cut(const RequestEncoder& encoder, const LoadedBenchmark& one) {
  return std::count_if(one.benchmark.items.begin(), one.benchmark.items.end(),
                       [&](const Item& item) { return cut_of(encoder, one, item) > 0; });
}

}  // namespace holdfast::assessment
