#include "generation/generator.h"

#include <ATen/ops/index_select.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "generation/sampler.h"
#include "text/stream_decoder.h"

namespace holdfast::generation {
namespace {

// One answer on its way.
struct Sequence {
  std::size_t index;  // of the prompt
  Random random;
  Completion completion;
  std::int64_t room;                           // tokens that may still be added
  std::optional<text::StreamDecoder> decoder;  // where there are stop strings, which are looked for in:
  std::string certain;                         // the text so far that no further token can change
};

// How many tokens all prompts begin with (a system message, a template's opening), but for the last token of each,
// whose logits are read.  0 where sharing them would cost more than it saves.
std::int64_t common_beginning(std::span<const std::vector<text::TokenId>> prompts) {
  if (prompts.size() < 2) return 0;
  std::size_t shared = prompts[0].size();
  for (const auto& prompt : prompts) {
    shared = std::min(shared, prompt.size() - 1);
    const auto end = prompt.begin() + static_cast<std::ptrdiff_t>(shared);
    shared = static_cast<std::size_t>(std::mismatch(prompt.begin(), end, prompts[0].begin()).first - prompt.begin());
  }
  constexpr std::size_t kFewest = 16;
  return shared < kFewest ? 0 : static_cast<std::int64_t>(shared);
}

bool is_end(const model::Decoder& decoder, text::TokenId id) {
  const auto& ends = decoder.config().eos_token_ids;
  return std::find(ends.begin(), ends.end(), id) != ends.end();
}

// Where the first stop string begins in the text, or npos.
std::size_t find_stop(const std::string& text, const std::vector<std::string>& stops) {
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops) first = std::min(first, text.find(stop));
  return first;
}

// True when the answer, with this token, holds a stop string, as decoding all of it would show.
bool has_stop(Sequence& sequence, text::TokenId id, const std::vector<std::string>& stops) {
  std::size_t longest = 1;
  for (const std::string& stop : stops) longest = std::max(longest, stop.size());
  // A stop string may begin in one token and end in the next; what is certain before has been looked at.
  const std::size_t start = sequence.certain.size() - std::min(sequence.certain.size(), longest - 1);
  sequence.certain += sequence.decoder->push(id);
  return find_stop(sequence.certain.substr(start) + sequence.decoder->pending(), stops) != std::string::npos;
}

// Adds the token; true when the answer has ended.
bool add_token(Sequence& sequence, text::TokenId id, const model::Decoder& decoder, const GenerateOptions& options) {
  Completion& completion = sequence.completion;
  completion.ids.push_back(id);
  --sequence.room;
  if (is_end(decoder, id)) {
    completion.reason = FinishReason::kStop;
    return true;
  }
  if (sequence.decoder && has_stop(sequence, id, options.stop)) {
    completion.reason = FinishReason::kStop;
    return true;
  }
  return sequence.room == 0;
}

void finish_text(Completion& completion, const text::Tokenizer* tokenizer, const GenerateOptions& options) {
  if (tokenizer == nullptr) return;
  completion.text = tokenizer->decode(completion.ids, true);
  const std::size_t stop = find_stop(completion.text, options.stop);
  if (stop != std::string::npos) completion.text.resize(stop);
}

}  // namespace

const char* finish_reason_name(FinishReason reason) { return reason == FinishReason::kStop ? "stop" : "length"; }

std::vector<Completion> generate(model::Decoder& decoder, const text::Tokenizer& tokenizer,
                                 const model::Adapter* adapter, std::span<const std::vector<text::TokenId>> prompts,
                                 const GenerateOptions& options) {
  return generate(decoder, &tokenizer, adapter, prompts, options);
}

std::vector<Completion> generate(model::Decoder& decoder, const text::Tokenizer* tokenizer,
                                 const model::Adapter* adapter, std::span<const std::vector<text::TokenId>> prompts,
                                 const GenerateOptions& options) {
  HOLDFAST_ASSERT(tokenizer != nullptr || options.stop.empty());
  HOLDFAST_CHECK(kBadInput, options.max_new_tokens > 0, "[generate] found max_new_tokens ", options.max_new_tokens,
                 ", expected at least 1");
  HOLDFAST_CHECK(kBadInput, options.temperature >= 0 && options.top_p > 0 && options.top_p <= 1,
                 "[generate] found temperature ", options.temperature, " and top_p ", options.top_p,
                 ", expected temperature from 0 up and top_p over 0 and up to 1");
  std::vector<Completion> completions(prompts.size());
  std::vector<Sequence> active;
  std::vector<std::int64_t> capacities;
  model::TokenBatch batch;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto length = static_cast<std::int64_t>(prompts[i].size());
    HOLDFAST_CHECK(kBadInput, length > 0, "[generate] found an empty prompt (number ", i + 1,
                   "), expected at least one token");
    const std::int64_t room = std::min(options.max_new_tokens, decoder.config().max_positions - length);
    HOLDFAST_CHECK(kBadInput, room > 0, "[generate] found a prompt of ", length, " tokens (number ", i + 1,
                   "), expected fewer than the model's ", decoder.config().max_positions, " positions");
    active.push_back({i, Random(options.seed, options.stream + i), {}, room, std::nullopt, {}});
    if (!options.stop.empty()) active.back().decoder.emplace(*tokenizer, true);
    active.back().completion.prompt_tokens = length;
  }
  // Keys of a beginning alone do not fit a longer text whose angles change with its length.
  const std::int64_t shared = model::rope_switch_length(decoder.config()) > 0 ? 0 : common_beginning(prompts);
  const std::int64_t recompute_length = model::rope_recompute_length(decoder.config());
  for (const Sequence& sequence : active) {
    const auto own = std::span(prompts[sequence.index]).subspan(static_cast<std::size_t>(shared));
    capacities.push_back(static_cast<std::int64_t>(own.size()) + sequence.room);
    batch.add(own, shared);
  }
  std::shared_ptr<model::KvCache> prefix;
  if (shared > 0) {
    prefix = std::make_shared<model::KvCache>(decoder.config(), std::span(&shared, 1), decoder.compute_type());
    model::TokenBatch beginning;
    beginning.add(std::span(prompts[0]).first(static_cast<std::size_t>(shared)));
    decoder.forward(beginning, adapter, prefix.get());
  }
  model::KvCache cache(decoder.config(), capacities, decoder.compute_type(), std::move(prefix));

  while (!active.empty()) {
    const at::Tensor hidden = decoder.forward(batch, adapter, &cache);
    at::Tensor rows = at::empty({batch.num_sequences()}, at::kLong);  // each sequence's last token
    for (std::int64_t i = 0; i < batch.num_sequences(); ++i) rows.data_ptr<std::int64_t>()[i] = batch.starts[i + 1] - 1;
    const at::Tensor logits = decoder.logits(hidden.index_select(0, rows)).to(at::kFloat).contiguous();  // [n, v]
    const auto v = static_cast<std::size_t>(logits.size(1));

    model::TokenBatch next;
    std::vector<Sequence> going_on;
    std::vector<std::int64_t> slots;
    for (std::size_t i = 0; i < active.size(); ++i) {
      const std::span<const float> row(logits.const_data_ptr<float>() + i * v, v);
      const auto id = static_cast<text::TokenId>(
          options.temperature == 0 ? greedy(row) : sample(row, options.temperature, options.top_p, active[i].random));
      if (add_token(active[i], id, decoder, options)) {
        finish_text(active[i].completion, tokenizer, options);
        completions[active[i].index] = std::move(active[i].completion);
        continue;
      }
      const std::int64_t past = cache.past(static_cast<std::int64_t>(i));
      if (recompute_length > 0 && past == recompute_length) {
        std::vector<text::TokenId> all = prompts[active[i].index];
        all.insert(all.end(), active[i].completion.ids.begin(), active[i].completion.ids.end());
        next.add(all);
        cache.reset(static_cast<std::int64_t>(i));
      } else {
        next.add(std::span(&id, 1), past);
      }
      slots.push_back(static_cast<std::int64_t>(i));
      going_on.push_back(std::move(active[i]));
    }
    cache.keep(slots);
    active = std::move(going_on);
    batch = std::move(next);
  }
  return completions;
}

}  // namespace holdfast::generation
