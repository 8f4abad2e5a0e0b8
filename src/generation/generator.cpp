#include "generation/generator.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <deque>

#include "base/error.h"
#include "base/profile.h"
#include "generation/answer.h"
#include "generation/prefix_walk.h"

namespace holdfast::generation {
namespace {

constexpr std::size_t kLogitRows = 256;  // rows of logits that exist at a time

void check(const GenerateOptions& options) {
  HOLDFAST_CHECK(kBadInput, options.max_new_tokens > 0, "[generate] found max_new_tokens ", options.max_new_tokens,
                 ", expected at least 1");
  HOLDFAST_CHECK(kBadInput, options.temperature >= 0 && options.top_p > 0 && options.top_p <= 1,
                 "[generate] found temperature ", options.temperature, " and top_p ", options.top_p,
                 ", expected temperature from 0 up and top_p over 0 and up to 1");
}

}  // namespace

class Generator::Work {
 public:
  Work(PrefixTree& tree, const text::Tokenizer* tokenizer, std::span<const model::Adapter* const> adapters,
       std::int64_t step_tokens, Listener listener)
      : tree_(tree),
        decoder_(tree.decoder()),
        tokenizer_(tokenizer),
        step_tokens_(step_tokens),
        listener_(std::move(listener)),
        walk_(tree, adapters) {}

  std::size_t add(Prompt prompt, std::shared_ptr<const GenerateOptions> options, std::uint64_t stream) {
    HOLDFAST_ASSERT(tokenizer_ != nullptr || options->stop.empty());
    check(*options);
    for (const auto& [id, bias] : options->logit_bias)
      HOLDFAST_CHECK(kBadInput, 0 <= id && id < decoder_.config().vocab_size, "[generate] found a bias of token id ",
                     id, ", expected 0 .. ", decoder_.config().vocab_size - 1, "; try the tokenizer of this model");
    const std::size_t number = entries_.size();
    const auto length = static_cast<std::int64_t>(prompt.ids.size());
    const std::int64_t most = decoder_.config().max_positions - length;
    HOLDFAST_CHECK(kBadInput, length > 0, "[generate] found an empty prompt (number ", number + 1,
                   "), expected at least one token");
    HOLDFAST_CHECK(kBadInput, most > 0, "[generate] found a prompt of ", length, " tokens (number ", number + 1,
                   "), expected fewer than the model's ", decoder_.config().max_positions, " positions");
    const std::int64_t room = std::min(options->max_new_tokens, most);
    entries_.push_back({std::move(prompt), std::move(options), stream, room});
    return number;
  }

  bool is_done() const { return next_ == entries_.size() && walk_.is_done() && growing_.empty(); }

  void step() {
    admit();
    advance();
  }

 private:
  struct Entry {
    Prompt prompt;
    std::shared_ptr<const GenerateOptions> options;
    std::uint64_t stream;
    std::int64_t room;  // tokens that the answer may have
  };
  // An answer whose prompt has been computed.
  struct Growing {
    Answer answer;
    model::KvSequence keys;  // of prompt and answer but for the last token
    bool has_ended = false;
  };
  // A row of hidden states behind which an answer's next token is chosen.
  struct Choice {
    std::int64_t row;
    Growing* growing;
    TokenChoice token{};
  };

  // Pages for prompt and answer, and one for the copy of a page that another has gone on in.
  std::int64_t most_pages(std::size_t i) const {
    const auto tokens = static_cast<std::int64_t>(entries_[i].prompt.ids.size()) + entries_[i].room;
    return (tokens + model::kPageTokens - 1) / model::kPageTokens + 1;
  }

  // Prompts enter in their order, as long as all that have entered can be answered to their longest ends.
  void admit() {
    const std::int64_t switch_length = model::rope_switch_length(decoder_.config());
    for (; next_ < entries_.size() && num_entered_ + growing_.size() < most_answers(); ++next_) {
      const std::int64_t pages = most_pages(next_);
      if (promised_ == 0) tree_.pages().raise_capacity(pages);
      if (promised_ + pages > tree_.pages().capacity()) return;
      promised_ += pages;
      const Prompt& prompt = entries_[next_].prompt;
      const auto length = static_cast<std::int64_t>(prompt.ids.size());
      // Keys of a beginning alone do not fit a longer text whose angles change with its length.
      walk_.add({prompt.ids, length - 1, prompt.adapter, switch_length > 0 && length > switch_length});
      ++num_entered_;
    }
  }
  std::size_t most_answers() const { return static_cast<std::size_t>(std::max<std::int64_t>(1, step_tokens_)); }

  void advance() {
    model::TokenBatch batch;
    model::KvCache cache;
    for (const auto& growing : growing_) grow(*growing, batch, cache);
    const std::size_t num_grown = growing_.size();
    walk_.plan(step_tokens_ - batch.size(), batch, cache);
    const at::Tensor hidden = decoder_.forward(batch, walk_.adapters(), &cache);
    std::vector<Choice> choices;
    for (std::size_t i = 0; i < num_grown; ++i) choices.push_back({batch.starts[i + 1] - 1, growing_[i].get()});
    for (const WantedRow& row : walk_.complete(batch)) {
      const std::size_t prompt = row.run;  // prompts enter in their order
      const Entry& entry = entries_[prompt];
      --num_entered_;
      auto growing = std::make_unique<Growing>(
          Growing{Answer(prompt, entry.room, tokenizer_, *entry.options, entry.stream), walk_.keys_of(row.run)});
      choices.push_back({row.row, growing.get()});
      insert(std::move(growing));
    }
    for (std::size_t begin = 0; begin < choices.size(); begin += kLogitRows)
      choose(hidden, std::span(choices).subspan(begin, std::min(kLogitRows, choices.size() - begin)));
    std::erase_if(growing_, [&](const auto& growing) { return finishes(*growing); });
  }

  std::int64_t adapter_of(const Growing& growing) const { return entries_[growing.answer.prompt()].prompt.adapter; }

  // Answers of one adapter stand together: they share its products.
  void insert(std::unique_ptr<Growing> growing) {
    const auto place =
        std::upper_bound(growing_.begin(), growing_.end(), adapter_of(*growing),
                         [this](std::int64_t adapter, const auto& other) { return adapter < adapter_of(*other); });
    growing_.insert(place, std::move(growing));
  }

  // The answer's last token, and room for its keys.
  void grow(Growing& growing, model::TokenBatch& batch, model::KvCache& cache) {
    const std::vector<text::TokenId>& ids = growing.answer.ids();
    const std::int64_t adapter = adapter_of(growing);
    const std::int64_t recompute_length = model::rope_recompute_length(decoder_.config());
    if (recompute_length > 0 && growing.keys.length() == recompute_length) {
      std::vector<text::TokenId> all = entries_[growing.answer.prompt()].prompt.ids;
      all.insert(all.end(), ids.begin(), ids.end());
      growing.keys.clear();
      batch.add(all, 0, adapter);
    } else {
      batch.add(std::span(&ids.back(), 1), growing.keys.length(), adapter);
    }
    const std::int64_t count = batch.starts.back() - batch.starts[batch.starts.size() - 2];
    const bool is_free = tree_.make_free(growing.keys.pages_for(count));
    HOLDFAST_ASSERT(is_free);  // admit() has promised it
    growing.keys.make_room(count);
    cache.sequences.push_back(&growing.keys);
  }

  void choose(const at::Tensor& hidden, std::span<Choice> choices) {
    const auto n = static_cast<std::int64_t>(choices.size());
    at::Tensor rows = at::empty({n}, at::kLong);
    for (std::int64_t i = 0; i < n; ++i) rows.data_ptr<std::int64_t>()[i] = choices[static_cast<std::size_t>(i)].row;
    const at::Tensor logits = decoder_.logits(hidden.index_select(0, rows)).to(at::kFloat).contiguous();  // [n, v]
    const std::int64_t v = logits.size(1);
    const profile::Phase phase("choice of tokens");
    at::parallel_for(0, n, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        Choice& choice = choices[static_cast<std::size_t>(i)];
        choice.token =
            choice.growing->answer.choose({logits.const_data_ptr<float>() + i * v, static_cast<std::size_t>(v)});
      }
    });
    for (const Choice& choice : choices) {
      Growing& growing = *choice.growing;
      growing.has_ended = growing.answer.add(choice.token.id, decoder_.config());
      if (listener_.on_token && !listener_.on_token(growing.answer.prompt(), choice.token)) growing.has_ended = true;
    }
  }

  // True when the answer leaves.
  bool finishes(Growing& growing) {
    if (!growing.has_ended) return false;
    const std::size_t number = growing.answer.prompt();
    Completion completion = growing.answer.finish();
    completion.prompt_tokens = static_cast<std::int64_t>(entries_[number].prompt.ids.size());
    promised_ -= most_pages(number);
    Entry& entry = entries_[number];
    entry.prompt.ids = {};
    listener_.on_completion(number, std::move(completion));
    return true;
  }

  PrefixTree& tree_;
  model::Decoder& decoder_;
  const text::Tokenizer* tokenizer_;
  const std::int64_t step_tokens_;
  const Listener listener_;
  PrefixWalk walk_;
  std::deque<Entry> entries_;                      // by number
  std::size_t next_ = 0, num_entered_ = 0;         // the first prompt that waits; those that are being computed
  std::int64_t promised_ = 0;                      // pages, to all that have entered
  std::vector<std::unique_ptr<Growing>> growing_;  // by adapter
};

Generator::Generator(PrefixTree& tree, const text::Tokenizer* tokenizer,
                     std::span<const model::Adapter* const> adapters, std::int64_t step_tokens, Listener listener)
    : work_(std::make_unique<Work>(tree, tokenizer, adapters, step_tokens, std::move(listener))) {}
Generator::~Generator() = default;

std::size_t Generator::add(Prompt prompt, std::shared_ptr<const GenerateOptions> options, std::uint64_t stream) {
  return work_->add(std::move(prompt), std::move(options), stream);
}
bool Generator::is_done() const { return work_->is_done(); }
void Generator::step() { work_->step(); }

const char* finish_reason_name(FinishReason reason) { return reason == FinishReason::kStop ? "stop" : "length"; }

std::vector<Completion> generate(PrefixTree& tree, const text::Tokenizer* tokenizer,
                                 std::span<const model::Adapter* const> adapters, std::span<const Prompt> prompts,
                                 const GenerateOptions& options) {
  check(options);
  std::vector<Completion> completions(prompts.size());
  Generator generator(tree, tokenizer, adapters, options.step_tokens,
                      {.on_token = {}, .on_completion = [&](std::size_t number, Completion completion) {
                         completions[number] = std::move(completion);
                       }});
  const std::shared_ptr<const GenerateOptions> shared(std::shared_ptr<void>(), &options);  // the caller's
  for (std::size_t i = 0; i < prompts.size(); ++i) generator.add(prompts[i], shared, options.stream + i);
  while (!generator.is_done()) generator.step();
  return completions;
}

std::vector<Completion> generate(model::Decoder& decoder, const text::Tokenizer* tokenizer,
                                 const model::Adapter* adapter, std::span<const std::vector<text::TokenId>> prompts,
                                 const GenerateOptions& options) {
  PrefixTree tree(decoder);
  std::vector<Prompt> own;
  for (const auto& ids : prompts) own.push_back({ids});
  return generate(tree, tokenizer, std::span(&adapter, 1), own, options);
}

std::vector<Completion> generate(model::Decoder& decoder, const text::Tokenizer& tokenizer,
                                 const model::Adapter* adapter, std::span<const std::vector<text::TokenId>> prompts,
                                 const GenerateOptions& options) {
  return generate(decoder, &tokenizer, adapter, prompts, options);
}

}  // namespace holdfast::generation
