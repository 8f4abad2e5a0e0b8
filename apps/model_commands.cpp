// score, generate
#include <functional>
#include <future>
#include <iostream>

#include "base/error.h"
#include "commands.h"
#include "generation/generator.h"
#include "generation/scorer.h"
#include "model/decoder.h"
#include "option_checks.h"
#include "text/chat_template.h"
#include "text/continuation.h"
#include "text/records.h"

namespace holdfast::apps {
namespace {

using nlohmann::ordered_json;

model::Decoder load(const Common& common) {
  apply_common(common);
  model::Decoder decoder = load_decoder(common, model::Precision::kCheckpoint, cache_directory(common));
  decoder.write_cache();
  return decoder;
}

std::optional<model::Adapter> load_adapter(const Common& common, const model::Decoder& decoder) {
  if (common.adapter.empty()) return std::nullopt;
  return model::Adapter::load(decoder.config(), common.adapter);
}

generation::PrefixTree make_tree(const Common& common, model::Decoder& decoder) {
  return generation::PrefixTree(decoder, common.cache_mb * 1'000'000);
}

std::string place_of(const text::Record& record) { return "standard input:" + std::to_string(record.line); }

std::vector<text::TokenId> ids_field(const text::Record& record, const char* key, std::int64_t vocab_size) {
  const auto& ids = record.value[key];
  HOLDFAST_CHECK(kBadInput, ids.is_array(), "[read] ", place_of(record), ": found ", key, " ", ids.dump().substr(0, 40),
                 ", expected a list of token ids");
  std::vector<text::TokenId> list;
  for (const auto& id : ids) {
    HOLDFAST_CHECK(
        kBadInput,
        id.is_number_integer() && id.get<double>() >= 0 && id.get<double>() < static_cast<double>(vocab_size),
        "[read] ", place_of(record), ": found the id ", id.dump().substr(0, 40), " in ", key,
        ", expected whole numbers from 0 to ", vocab_size - 1, "; try the tokenizer of this model");
    list.push_back(id.get<text::TokenId>());
  }
  return list;
}

// Rows that are asked together: `add` takes one, `answer` answers those that were taken.  Where a row is bad, those
// before it are answered all the same.
void each_row(const std::function<void(const text::Record&)>& add, const std::function<void()>& answer) {
  text::JsonlReader reader(std::cin, "standard input");
  const auto next = [&] {
    try {
      const auto record = reader.next();
      if (record) add(*record);
      return record.has_value();
    } catch (const Error&) {
      answer();
      throw;
    }
  };
  while (next()) {
  }
  answer();
}

void score(const Common& common) {
  model::Decoder decoder = load(common);
  const auto adapter = load_adapter(common, decoder);
  std::optional<text::Tokenizer> tokenizer;
  const text::TokenizerConfig config = text::read_tokenizer_config(common.model);
  generation::PrefixTree tree = make_tree(common, decoder);
  const model::Adapter* const adapters[] = {adapter ? &*adapter : nullptr};
  constexpr std::size_t kWave = 256;
  const std::int64_t vocab_size = decoder.config().vocab_size;
  std::vector<ordered_json> lines;
  std::vector<generation::ScoreRequest> requests;
  const auto flush = [&] {
    const auto scores = generation::score(tree, adapters, requests);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      lines[i]["logprob"] = scores[i].logprob;
      lines[i]["token_logprobs"] = scores[i].token_logprobs;
      lines[i]["ids"] = requests[i].continuation;
      lines[i]["is_greedy"] = scores[i].is_greedy;
      print_line(lines[i]);
    }
    std::cout.flush();
    lines.clear();
    requests.clear();
  };
  const auto add = [&](const text::Record& record) {
    const auto& row = record.value;
    generation::ScoreRequest request;
    if (row.contains("context_ids") && row.contains("continuation_ids")) {
      request = {ids_field(record, "context_ids", vocab_size), ids_field(record, "continuation_ids", vocab_size)};
    } else {
      HOLDFAST_CHECK(kBadInput,
                     row.contains("context") && row["context"].is_string() && row.contains("continuation") &&
                         row["continuation"].is_string(),
                     "[read] ", place_of(record), ": found ", row.dump().substr(0, 60),
                     ", expected context and continuation, or context_ids and continuation_ids");
      if (!tokenizer) tokenizer.emplace(text::Tokenizer::from_directory(common.model));
      auto ids = at_line(record.line, [&] {
        return text::ContinuationEncoder(*tokenizer, config)
            .encode(row["context"].get<std::string>(), row["continuation"].get<std::string>());
      });
      request = {std::move(ids.context), std::move(ids.continuation)};
    }
    HOLDFAST_CHECK(kBadInput, !request.context.empty() && !request.continuation.empty(), "[score] ", place_of(record),
                   ": found ", request.context.size(), " tokens of context and ", request.continuation.size(),
                   " of continuation, expected at least one of each");
    requests.push_back(std::move(request));
    lines.push_back(carried(row));
    if (requests.size() == kWave) flush();
  };
  each_row(add, flush);
}

struct GenerateFlags {
  generation::GenerateOptions options;
  std::int64_t samples = 1;
  bool plain_content = true;  // control tokens within messages are plain text
};

void generate(const Common& common, const GenerateFlags& flags) {
  // Read beside the base.  Ids in, ids out needs no tokenizer: a directory without one gives no texts.
  auto reading = std::async(std::launch::async, [&]() -> std::optional<text::Tokenizer> {
    if (!text::Tokenizer::is_in(common.model)) return std::nullopt;
    return text::Tokenizer::from_directory(common.model);
  });
  model::Decoder decoder = load(common);
  const auto adapter = load_adapter(common, decoder);
  std::optional<text::Tokenizer> tokenizer = reading.get();
  const auto need_tokenizer = [&]() -> const text::Tokenizer& {
    if (!tokenizer) tokenizer.emplace(text::Tokenizer::from_directory(common.model));  // says what is missing
    return *tokenizer;
  };
  for (const std::string& stop : flags.options.stop)
    HOLDFAST_CHECK(kBadInput, !stop.empty(), "[generate] found an empty --stop, expected a text that ends an answer");
  if (!flags.options.stop.empty()) need_tokenizer();
  std::optional<text::ChatTemplate> chat;
  generation::PrefixTree tree = make_tree(common, decoder);
  const model::Adapter* const adapters[] = {adapter ? &*adapter : nullptr};
  constexpr std::size_t kWave = 256;
  std::vector<ordered_json> lines;
  std::vector<generation::Prompt> prompts;
  generation::GenerateOptions options = flags.options;
  options.seed = common.seed;
  const auto flush = [&] {
    const auto completions = generation::generate(tree, tokenizer ? &*tokenizer : nullptr, adapters, prompts, options);
    options.stream += prompts.size();
    for (std::size_t i = 0; i < completions.size(); ++i) {
      if (tokenizer) lines[i]["text"] = completions[i].text;
      lines[i]["ids"] = completions[i].ids;
      lines[i]["finish_reason"] = generation::finish_reason_name(completions[i].reason);
      lines[i]["prompt_tokens"] = completions[i].prompt_tokens;
      print_line(lines[i]);
    }
    std::cout.flush();
    lines.clear();
    prompts.clear();
  };
  const auto add = [&](const text::Record& record) {
    const auto& row = record.value;
    std::vector<text::TokenId> ids;
    std::size_t control_tokens = 0;
    if (row.contains("messages")) {
      if (!chat) chat.emplace(text::ChatTemplate::from_directory(common.model));
      text::RenderOptions render;
      render.add_generation_prompt = true;
      render.date = common.template_date;
      text::Prompt prompt = at_line(record.line, [&] {
        return need_tokenizer().encode_prompt(chat->render_marked(row["messages"], render), flags.plain_content);
      });
      ids = std::move(prompt.ids);
      control_tokens = prompt.control_tokens_in_content;
    } else if (row.contains("ids")) {
      ids = ids_field(record, "ids", decoder.config().vocab_size);
    } else {
      HOLDFAST_CHECK(kBadInput, row.contains("prompt") && row["prompt"].is_string(), "[read] ", place_of(record),
                     ": found ", row.dump().substr(0, 60), ", expected prompt, messages or ids");
      ids = need_tokenizer().encode(row["prompt"].get<std::string>());
    }
    HOLDFAST_CHECK(kBadInput, !ids.empty() && static_cast<std::int64_t>(ids.size()) < decoder.config().max_positions,
                   "[generate] ", place_of(record), ": found a prompt of ", ids.size(),
                   " tokens, expected at least one and fewer than the model's ", decoder.config().max_positions,
                   " positions");
    for (std::int64_t sample = 0; sample < flags.samples; ++sample) {
      lines.push_back(carried(row));
      if (control_tokens > 0) lines.back()["control_tokens_in_content"] = control_tokens;
      if (flags.samples > 1) lines.back()["sample"] = sample;
      prompts.push_back({ids});
      if (prompts.size() == kWave) flush();
    }
  };
  each_row(add, [&] {
    if (!prompts.empty()) flush();
  });
}

}  // namespace

void add_model_commands(CLI::App& app) {
  auto common = std::make_shared<Common>();
  auto flags = std::make_shared<GenerateFlags>();
  auto* score_command = app.add_subcommand("score", "log-likelihood of continuations, JSONL to JSONL");
  add_common(*score_command, *common);
  auto* generate_command = app.add_subcommand("generate", "answers to prompts, JSONL to JSONL");
  add_common(*generate_command, *common);
  for (CLI::App* command : {score_command, generate_command})
    command->add_option("--precision", common->precision, "nf4, bf16 or fp32 (default: the checkpoint's own)");
  for (CLI::App* command : {score_command, generate_command}) add_streaming(*command, *common);
  for (CLI::App* command : {score_command, generate_command}) add_cache(*command, *common, "none");
  for (CLI::App* command : {score_command, generate_command})
    command->add_option("--adapter", common->adapter, "PEFT adapter directory");
  for (CLI::App* command : {score_command, generate_command})
    command
        ->add_option("--cache-mb", common->cache_mb,
                     "most memory for keys and values of what begins alike (default: a quarter of what is free)")
        ->check(whole_number(1));
  generate_command->add_option("--template-date", common->template_date, "the date that templates see, YYYY-MM-DD");
  generate_command->add_option("--max-new-tokens", flags->options.max_new_tokens, "tokens of an answer")
      ->check(whole_number(1));
  generate_command->add_option("--temperature", flags->options.temperature, "0: the likeliest token")
      ->check(number_from_zero());
  generate_command->add_option("--top-p", flags->options.top_p, "share of probability sampled from");
  generate_command->add_option("--samples", flags->samples, "answers a prompt")->check(whole_number(1));
  generate_command->add_flag("--plain-content,!--no-plain-content", flags->plain_content,
                             "read control tokens within messages as plain text (default)");
  generate_command->add_option("--stop", flags->options.stop, "text that ends an answer; repeatable");
  score_command->callback([=] { score(*common); });
  generate_command->callback([=] { generate(*common, *flags); });
}

}  // namespace holdfast::apps
